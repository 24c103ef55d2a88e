/* SPDX-License-Identifier: MIT */
#include "core_support.h"

#include "base/clock.h"
#include "core/load.h"

static const int64_t none[SP_CLASSES];

static void assert_near(double got, double want)
{
	if (got < want - 1e-6 || got > want + 1e-6) fail_msg("%f, wanted %f", got, want);
}

static void formula(void **state)
{
	assert_near(sp_load_formula(0, 0, 0), 0);
	assert_near(sp_load_formula(7, 1, 0), 10);
	assert_near(sp_load_formula(0, 2, 30), 2);
	assert_near(sp_load_formula(14, 0.5, 60), 11);
}

/* Process-wide counters: the order of what follows is one story. */
static void a_minute_of_load(void **state)
{
	int64_t t = 1000 * SP_NS_PER_S, five = 5 * SP_NS_PER_S;
	int64_t waiting[SP_CLASSES] = {0};

	/* Nothing is known yet. */
	assert_near(sp_load_slots_wanted(none, t), 0);
	assert_near(sp_load_slots_wanted(none, t), 0);

	/* For ten seconds, 10 arrive a second, and each takes half a second: 5 slots at 70 %. */
	for (int i = 0; i < 100; i++) {
		sp_load_arrived(SP_CLASS_INTERACTIVE);
		sp_load_ran(SP_CLASS_INTERACTIVE, SP_NS_PER_S / 2);
	}
	assert_near(sp_load_slots_wanted(none, t + 2 * five), 5 / 0.7);
	/* Each class by itself; of this one nothing is known yet. */
	waiting[SP_CLASS_BULK] = 60;
	assert_near(sp_load_slots_wanted(waiting, t + 2 * five), 5 / 0.7 + 60 * SP_LOAD_GUESS_S / 30);
	for (int i = 0; i < 4; i++) sp_load_ran(SP_CLASS_BULK, 2 * SP_NS_PER_S);
	sp_load_ran(SP_CLASS_BULK, -1); /* a clock that went back */
	assert_near(sp_load_slots_wanted(waiting, t + 2 * five), 5 / 0.7 + 60 * 1.6 / 30);

	/* Nothing arrives any more: after a minute and a look they are forgotten, but not how long they took. */
	for (int i = 3; i <= 20; i++) (void)sp_load_slots_wanted(none, t + i * five);
	assert_near(sp_load_slots_wanted(none, t + 20 * five), 0);
	waiting[SP_CLASS_BULK] = 0;
	waiting[SP_CLASS_INTERACTIVE] = 30;
	assert_near(sp_load_slots_wanted(waiting, t + 20 * five), 0.5);

	/* Looks that come more often do not shorten the window. */
	sp_load_arrived(SP_CLASS_INTERACTIVE);
	for (int i = 0; i < 1000; i++) (void)sp_load_slots_wanted(none, t + 20 * five + i * SP_NS_PER_MS);
	assert_near(sp_load_slots_wanted(none, t + 20 * five), 1 / 60.0 * 0.5 / 0.7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(formula), cmocka_unit_test(a_minute_of_load)};
	return cmocka_run_group_tests_name("core_load", tests, NULL, NULL);
}
