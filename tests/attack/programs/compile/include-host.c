/* SPDX-License-Identifier: MIT */
/*
 * wins: the compiler as a reader: #include of the host's secrets, whose text comes back in its messages
 * rule: design 4.6 (compile steps run under the same rules)
 * expect: compile_error
 * says: shadow: No such file
 * control: none: the compiler reads what its user may
 * core: yes
 */
#include "/etc/shadow"

int main(void) { return 0; }
