/* SPDX-License-Identifier: MIT */
/*
 * wins: an address, a route or an interface of its own in a network namespace that is kept, by the one netlink family that is allowed
 * rule: design 4.3 (no capability in the namespace), 4.4
 * expect: ok
 * says: ^held new-address EPERM$
 * control: none: an unprivileged user cannot either; that the slot's namespace gives no more is what is tested
 */
#include "attack.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

static long request(int fd, int type, const void *body, size_t n)
{
	char out[512] = {0}, in[4096];
	struct nlmsghdr *h = (void *)out;
	*h = (struct nlmsghdr){
	        .nlmsg_len = NLMSG_LENGTH(n), .nlmsg_type = (uint16_t)type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE};
	memcpy(NLMSG_DATA(h), body, n);
	if (send(fd, out, h->nlmsg_len, 0) < 0) return -1;
	if (recv(fd, in, sizeof in, 0) < 0) return -1;
	h = (void *)in;
	if (h->nlmsg_type != NLMSG_ERROR) return 0;
	errno = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
	return errno ? -1 : 0;
}

int main(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifaddrmsg a = {.ifa_family = AF_INET, .ifa_prefixlen = 8, .ifa_index = 1};
	struct rtmsg r = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = 3, .rtm_type = RTN_UNICAST};
	struct ifinfomsg l = {.ifi_index = 1, .ifi_change = 1};
	tried("new-address", request(fd, RTM_NEWADDR, &a, sizeof a));
	tried("new-route", request(fd, RTM_NEWROUTE, &r, sizeof r));
	tried("lo-down", request(fd, RTM_NEWLINK, &l, sizeof l));
	struct ifreq q = {.ifr_name = "lo"};
	tried("ioctl-flags", ioctl(s, SIOCSIFFLAGS, &q));
	tried("ioctl-mtu", ioctl(s, SIOCSIFMTU, &q));
	struct rtentry e = {0};
	tried("ioctl-route", ioctl(s, SIOCADDRT, &e));
	int one = 1;
	tried("bind-device-mark", setsockopt(s, SOL_SOCKET, SO_MARK, &one, sizeof one));
	tried("force-buffer", setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &one, sizeof one));
	tried("filter", setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &one, sizeof one));
	tried("transparent", setsockopt(s, 0, 19 /* IP_TRANSPARENT */, &one, sizeof one));
	tried("iptables", setsockopt(s, 0, 64 /* IPT_SO_SET_REPLACE */, &one, sizeof one));
	return end();
}
