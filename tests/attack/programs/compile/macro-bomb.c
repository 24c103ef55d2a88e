/* SPDX-License-Identifier: MIT */
/*
 * wins: the compiler as a bomb: 10^9 tokens out of ten lines
 * rule: design 4.6
 * expect: compile_error|memory_limit|cpu_limit|wall_limit|output_limit
 * limits: compile_wall_ms=4000
 * control: unsafe: a memory bomb
 * core: yes
 */
#define A(x) x, x, x, x, x, x, x, x, x, x
#define B(x) A(A(x))
#define C(x) B(B(x))
#define D(x) C(C(x))
int bomb[] = {D(B(1))};

int main(void) { return bomb[0]; }
