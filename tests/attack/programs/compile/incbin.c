/* SPDX-License-Identifier: MIT */
/*
 * wins: as include-host, silently: the assembler puts a file into the program
 * rule: design 4.6
 * expect: compile_error
 * says: file not found
 * control: none: the assembler reads what its user may
 */
__asm__(".incbin \"/proc/1/environ\"");
__asm__(".incbin \"/etc/machine-id\"");

int main(void) { return 0; }
