/* SPDX-License-Identifier: MIT */
#include "core/load.h"

#include <stdatomic.h>

#include "base/attr.h"
#include "base/clock.h"

#define WINDOW_NS (60 * SP_NS_PER_S)
#define LOOKS 16 /* a window's and some more: they are never closer than a 12th of it */

struct counts {
	uint64_t arrived, ran, ran_ns;
};
static struct {
	_Atomic uint64_t arrived, ran, ran_ns;
} live[SP_CLASSES];

static struct look {
	int64_t at_ns;
	struct counts c[SP_CLASSES];
} looks[LOOKS]; /* a ring; the caller's of sp_load_slots_wanted */
static size_t nlooks, last;
/* Of the last window in which something ran. Before any: a guess, or nothing would ask for the first slot. */
static double mean_s[SP_CLASSES] = {SP_LOAD_GUESS_S, SP_LOAD_GUESS_S};

void sp_load_arrived(enum sp_class class_) { atomic_fetch_add_explicit(&live[class_].arrived, 1, memory_order_relaxed); }

void sp_load_ran(enum sp_class class_, int64_t ns)
{
	atomic_fetch_add_explicit(&live[class_].ran_ns, (uint64_t)(ns > 0 ? ns : 0), memory_order_relaxed);
	atomic_fetch_add_explicit(&live[class_].ran, 1, memory_order_relaxed);
}

double sp_load_formula(double arrivals_per_s, double mean_run_s, int64_t waiting)
{
	return arrivals_per_s * mean_run_s / 0.7 + (double)waiting * mean_run_s / 30.0;
}

/* The youngest look that is at least a window old, or the oldest there is: the time since then is what is looked at. */
static const struct look *base_look(int64_t now_ns)
{
	for (size_t back = 0; back < nlooks; back++) {
		const struct look *l = &looks[(last + LOOKS - back) % LOOKS];
		if (now_ns - l->at_ns >= WINDOW_NS || back + 1 == nlooks) return l;
	}
	return NULL;
}

double sp_load_slots_wanted(const int64_t waiting[SP_CLASSES], int64_t now_ns)
{
	struct look now = {.at_ns = now_ns};
	double wanted = 0;

	for (size_t k = 0; k < SP_CLASSES; k++)
		now.c[k] = (struct counts){atomic_load(&live[k].arrived), atomic_load(&live[k].ran), atomic_load(&live[k].ran_ns)};
	const struct look *then = base_look(now_ns);
	for (size_t k = 0; k < SP_CLASSES; k++) {
		double rate = 0;
		if (then && now_ns > then->at_ns) {
			uint64_t ran = now.c[k].ran - then->c[k].ran, ran_ns = now.c[k].ran_ns - then->c[k].ran_ns;
			rate = (double)(now.c[k].arrived - then->c[k].arrived) / ((double)(now_ns - then->at_ns) / SP_NS_PER_S);
			/* How long a run takes does not change while none ends. */
			if (ran) mean_s[k] = (double)ran_ns / (double)ran / SP_NS_PER_S;
		}
		wanted += sp_load_formula(rate, mean_s[k], waiting[k]);
	}
	if (!nlooks || now_ns - looks[last].at_ns >= WINDOW_NS / 12) {
		last = nlooks ? (last + 1) % LOOKS : 0;
		looks[last] = now;
		if (nlooks < LOOKS) nlooks++;
	}
	return wanted;
}
