/* SPDX-License-Identifier: MIT */
/*
 * wins: the hypervisor (vsock), the wire (packet, raw), the kernel's cryptography (AF_ALG), and modules that load because somebody asked
 * rule: 34; design 4.3
 * expect: ok
 * says: ^held vsock EAFNOSUPPORT$
 * control: bare
 * shows: ^WON (vsock|alg|netlink-1[56]|udplite)
 * core: yes
 */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>

int main(void)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} named[] = {{"packet", AF_PACKET, SOCK_RAW, 0x300}, {"packet-dgram", AF_PACKET, SOCK_DGRAM, 0},
	        {"raw", AF_INET, SOCK_RAW, IPPROTO_ICMP}, {"raw6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
	        {"ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP}, {"alg", AF_ALG, SOCK_SEQPACKET, 0}, {"vsock", AF_VSOCK, SOCK_STREAM, 0},
	        {"vsock-dgram", AF_VSOCK, SOCK_DGRAM, 0}, {"sctp", AF_INET, SOCK_STREAM, 132}, {"mptcp", AF_INET, SOCK_STREAM, 262},
	        {"dccp", AF_INET, 6, 33}, {"udplite", AF_INET, SOCK_DGRAM, 136}, {"bluetooth", AF_BLUETOOTH, SOCK_RAW, 0},
	        {"can", 29, SOCK_RAW, 1}, {"tipc", 30, SOCK_RDM, 0}, {"xdp", 44, SOCK_RAW, 0}, {"smc", 43, SOCK_STREAM, 0},
	        {"key", 15, SOCK_RAW, 2}, {"qrtr", 42, SOCK_DGRAM, 0}, {"kcm", 41, SOCK_DGRAM, 0}, {"unix-raw", AF_UNIX, SOCK_RAW, 0},
	        {"packet-old", AF_INET, SOCK_PACKET, 0}};
	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		int fd = socket(named[i].family, named[i].type, named[i].protocol);
		/* udp is what SOCK_RAW of a Unix socket becomes; all else is one that must not be */
		tried(named[i].name, fd);
		if (fd >= 0) close(fd);
	}
	for (int p = 1; p < 32; p++) {
		char name[32];
		int fd = socket(AF_NETLINK, SOCK_RAW, p);
		snprintf(name, sizeof name, "netlink-%d", p);
		tried(name, fd);
		if (fd >= 0) close(fd);
	}
	for (int f = 0; f < 64; f++)
		for (int t = 1; t < 11; t++) {
			if (f == AF_UNIX || f == AF_INET || f == AF_INET6 || f == AF_NETLINK) continue;
			int fd = socket(f, t, 0);
			if (fd < 0) continue;
			say("WON family-%d-type-%d", f, t);
			close(fd);
		}
	return end();
}
