/* SPDX-License-Identifier: MIT */
/*
 * wins: the compiler as a bomb: a source without an end
 * rule: design 4.6
 * expect: compile_error|memory_limit|cpu_limit|wall_limit|output_limit
 * limits: compile_wall_ms=4000
 * control: none: a compiler has no limits of its own
 */
#include "/dev/zero"

int main(void) { return 0; }
