/* SPDX-License-Identifier: MIT */
/*
 * How many slots the load asks for (service-rules, "Scaling signal"): for each class, what arrives in a second times how long one occupies a slot, over a use of 70 %, and on top what is needed to work
 * off those that wait within 30 s. Arrivals and runs are this process's, over the last minute. Process-wide, any thread; counting is two atomic operations.
 */
#ifndef SP_CORE_LOAD_H
#define SP_CORE_LOAD_H

#include "store/record.h"

#define SP_LOAD_GUESS_S 1.0 /* how long one takes, while none of its class has run */

void sp_load_arrived(enum sp_class class_); /* an evaluation was stored */
void sp_load_ran(enum sp_class class_, int64_t ns); /* one has occupied a slot for so long */

/* A look at the counters at now_ns (monotonic), remembered if the one before is at least a 12th of the window old. One caller at a time. */
double sp_load_slots_wanted(const int64_t waiting[SP_CLASSES], int64_t now_ns);

/* The formula alone. */
double sp_load_formula(double arrivals_per_s, double mean_run_s, int64_t waiting);

#endif
