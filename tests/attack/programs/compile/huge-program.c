/* SPDX-License-Identifier: MIT */
/*
 * wins: the disk, by a program of a terabyte out of one line
 * rule: design 4.6, 24
 * expect: compile_error|disk_limit|memory_limit|wall_limit|cpu_limit|signal
 * limits: compile_wall_ms=8000
 * control: unsafe: fills a disk
 */
char big[1UL << 38] = {1};

int main(void) { return big[5]; }
