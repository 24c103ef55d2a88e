/* SPDX-License-Identifier: MIT */
#include "figures.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void figures_sort(int64_t *ns, size_t n) { qsort(ns, n, sizeof(*ns), ascending); }

double figures_ms(const int64_t *ns, size_t n, double p) { return n ? (double)ns[(size_t)((double)(n - 1) * p)] / 1e6 : 0; }

int figures_disk(const char *dir, struct disk_figure *out)
{
	static int64_t took[500];
	char path[4096], block[16384] = {1};
	int64_t all = 0;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/bench.flush", dir);
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) return -1;
	for (; n < SP_COUNT(took); n++) {
		int64_t began = sp_mono_ns();
		if (pwrite(fd, block, sizeof(block), (off_t)(n % 256 * sizeof(block))) < 0 || fdatasync(fd) != 0) break;
		all += took[n] = sp_mono_ns() - began;
	}
	close(fd);
	unlink(path);
	if (n < SP_COUNT(took)) return -1;
	figures_sort(took, n);
	*out = (struct disk_figure){figures_ms(took, n, 0.5), figures_ms(took, n, 0.99), (double)n * 1e9 / (double)all};
	return 0;
}

void machine_look(struct machine *out)
{
	int64_t v[8] = {0};
	FILE *f = fopen("/proc/stat", "re");

	*out = (struct machine){0};
	if (!f) return;
	/* user, nice, system, idle, iowait, irq, softirq, steal */
	if (fscanf(f, "cpu %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &v[0], &v[1],
	            &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) == 8) {
		for (size_t i = 0; i < SP_COUNT(v); i++) out->all_ticks += v[i];
		out->busy_ticks = out->all_ticks - v[3] - v[4];
	}
	fclose(f);
}

double machine_busy_percent(const struct machine *from, const struct machine *to)
{
	int64_t all = to->all_ticks - from->all_ticks;

	return all > 0 ? 100.0 * (double)(to->busy_ticks - from->busy_ticks) / (double)all : 0;
}
