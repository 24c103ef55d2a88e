/* SPDX-License-Identifier: MIT */
/*
 * wins: kernel memory by objects that are not pages: descriptors of every kind, epoll sets in epoll sets, timers, inotify, in each of many processes
 * rule: 11 (NOFILE, SIGPENDING, inotify limits of the slot's own), 4
 * expect: ok|memory_limit
 * says: ^held timers EAGAIN$
 * limits: memory_bytes=67108864 processes=60
 * control: unsafe: 15,000 descriptors of a machine's
 * core: yes
 */
#include "attack.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

int main(void)
{
	int timers = 0;
	timer_t t;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	while (timers < 100000 && timer_create(CLOCK_MONOTONIC, &ev, &t) == 0) timers++;
	tried("timers", timers >= 100000 ? 0 : -1);
	for (int k = 0; k < 50; k++)
		if (fork() == 0) {
			sigset_t s;
			sigfillset(&s);
			for (int i = 0;; i++) {
				int fd = i % 5 == 0   ? epoll_create1(0)
				         : i % 5 == 1 ? eventfd(1, 0)
				         : i % 5 == 2 ? timerfd_create(CLOCK_MONOTONIC, 0)
				         : i % 5 == 3 ? signalfd(-1, &s, 0)
				                      : open("/dev/null", O_RDONLY);
				if (fd < 0) break;
				struct epoll_event e = {.events = EPOLLIN};
				for (int up = 3; i % 5 && up < fd; up += 5) epoll_ctl(up, EPOLL_CTL_ADD, fd, &e);
			}
			for (;;) pause();
		}
	nap_ms(1200);
	int n = 0;
	while (n < 1000 && inotify_init() >= 0) n++;
	say("inotify %d", n);
	if (n > 8) say("WON inotify-instances %d", n);
	return end();
}
