/* SPDX-License-Identifier: MIT */
/*
 * wins: one forgotten call is enough. Tries every call that the filter refuses without a condition, from inside of the real container, and the numbers above
 * rule: 34; share/seccomp/run.rules (tests/box/test_seccomp_*.c go through it rule by rule)
 * expect: ok
 * says: ^refused 1[0-9][0-9] calls$
 * control: none: some of these, bare and by accident right, would change this machine
 * core: yes
 */
#include "attack.h"

int main(void)
{
	/* Each with arguments that are wrong in every position, so that only the filter's answer can be the one expected. */
	static const struct {
		int nr;
		int errnum;
		const char *name;
	} calls[] = {
#include "refused.h"
	};
	int refused = 0;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		long r = syscall(calls[i].nr, -1L, -1L, -1L, -1L, -1L, -1L);
		if (r == -1 && errno == calls[i].errnum)
			refused++;
		else
			say("WON %s gave %ld %s", calls[i].name, r, strerrorname_np(errno));
	}
	for (int nr = 472; nr < 1200; nr++)
		if (syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L) != -1 || errno != ENOSYS) say("WON unknown-call-%d", nr);
	say("refused %d calls", refused);
	return end();
}
