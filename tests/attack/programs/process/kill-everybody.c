/* SPDX-License-Identifier: MIT */
/*
 * wins: the end of the container's init, of the launcher or of others: a lie about how the run ended, or a neighbour's death
 * rule: 38 (init has another uid), design 4.3; pid namespace. With one id for all the calls succeed, and the kernel drops the signals: nobody inside a pid
 *       namespace can end its init
 * expect: ok
 * says: ^held init EPERM$
 * else-says: ^END$
 * needs: ids
 * else: ok
 * else-open: init init-stop init-queue init-pidfd
 * control: none: whoever it could hit bare is this machine
 * core: yes
 */
#include "attack.h"

int main(void)
{
	int others = 0;
	tried("init", kill(1, SIGKILL));
	tried("init-stop", kill(1, SIGSTOP));
	tried("init-queue", sigqueue(1, SIGKILL, (union sigval){0}));
	int fd = (int)syscall(SYS_pidfd_open, 1, 0);
	if (fd >= 0) tried("init-pidfd", syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
	for (pid_t p = 2; p < 70000; p++) {
		if (p == getpid() || kill(p, 0) < 0) continue;
		others++;
		say("WON sees-another pid %d", p);
	}
	signal(SIGTERM, SIG_IGN);
	/* All that we may signal, which is ourselves; -1 leaves out the caller and init. */
	if (kill(-1, SIGTERM) == 0 && others) say("WON kill-all");
	say("others %d", others);
	return end();
}
