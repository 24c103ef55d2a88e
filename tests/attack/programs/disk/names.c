/* SPDX-License-Identifier: MIT */
/*
 * wins: a listing, a log or a clean-up that is led astray by names with newlines, escape sequences, options, quotes, invalid UTF-8 and 255 bytes
 * rule: design 4.1 and 4.2 (no path of the run's is ever opened or shown by privileged code, no shell sees one)
 * expect: ok
 * says: ^made 12$
 * control: none: names are allowed everywhere
 * core: yes
 */
#include "attack.h"

int main(void)
{
	static char longest[256];
	memset(longest, 'n', 255);
	const char *names[] = {"a\nb", "\xff\xfe\xc3", "\033[2J\033]0;owned\007", "-rf", "--", "$(touch x)", "`id`;|&", "..\\..\\x", " ",
	        "'\"", longest, "\xed\xa0\x80"};
	int made = 0;
	chdir("/box");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) made += mkdir(names[i], 0700) == 0;
	say("made %d", made);
	return end();
}
