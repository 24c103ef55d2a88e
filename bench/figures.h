/* SPDX-License-Identifier: MIT */
/* What measurements share: percentiles, and the disk's own figure. */
#ifndef SP_BENCH_FIGURES_H
#define SP_BENCH_FIGURES_H

#include <stddef.h>
#include <stdint.h>

void figures_sort(int64_t *ns, size_t n);
/* Of n sorted times; p from 0 to 1. 0 when there are none. */
double figures_ms(const int64_t *ns, size_t n, double p);

struct disk_figure {
	double p50_ms, p99_ms, per_second; /* one after the other */
};
/* What a file in `dir` takes for 16 KiB and a flush, one after the other: the least that a lone write costs. -1 when it cannot be written; errno says why. */
int figures_disk(const char *dir, struct disk_figure *out);

/* Processor time of the whole machine, in ticks of sysconf(_SC_CLK_TCK). */
struct machine {
	int64_t busy_ticks, all_ticks;
};
void machine_look(struct machine *out);
double machine_busy_percent(const struct machine *from, const struct machine *to);

#endif
