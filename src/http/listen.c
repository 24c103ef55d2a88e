/* SPDX-License-Identifier: MIT */
/* The listening socket, and who has the port when it is taken. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/internal.h"

#define BACKLOG 4096

/* "host:port", "[v6]:port" → host and port, in place. */
static bool split_address(char *s, char **host, char **port)
{
	char *colon;

	if (*s == '[') {
		char *close = strchr(s, ']');
		if (!close || close[1] != ':') return false;
		*close = '\0';
		*host = s + 1;
		*port = close + 2;
	} else {
		colon = strrchr(s, ':');
		if (!colon || strchr(s, ':') != colon) return false;
		*colon = '\0';
		*host = s;
		*port = colon + 1;
	}
	if (!**host || !**port || strlen(*port) > 5) return false;
	for (const char *p = *port; *p; p++) {
		if (!isdigit((unsigned char)*p)) return false;
	}
	return strtol(*port, NULL, 10) <= 65535;
}

/* The inode of the socket that listens on the port, by /proc/net/tcp or tcp6; 0 when there is none. */
static unsigned long listening_inode(const char *table, unsigned port)
{
	FILE *f = fopen(table, "re");
	char line[512];
	unsigned long found = 0;

	if (!f) return 0;
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned p, state;
		unsigned long inode;
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%X %*[0-9A-Fa-f]:%*X %X %*s %*s %*s %*s %*s %lu", &p, &state, &inode) == 3 &&
		        p == port && state == 0x0A)
			found = inode;
	}
	fclose(f);
	return found;
}

static bool process_has(const char *pid, unsigned long inode)
{
	char dir[300], want[64], got[64];
	bool has = false;

	snprintf(dir, sizeof(dir), "/proc/%s/fd", pid);
	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	DIR *d = opendir(dir);
	if (!d) return false;
	/* cppcheck-suppress readdirCalled ; the stream is ours alone */
	for (struct dirent *e; !has && (e = readdir(d));) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, got, sizeof(got) - 1);
		if (n <= 0) continue;
		got[n] = '\0';
		has = !strcmp(got, want);
	}
	closedir(d);
	return has;
}

/* " by nginx (pid 123)", or nothing when /proc does not tell (another user's process). */
static void whose_port(unsigned port, char *out, size_t n)
{
	out[0] = '\0';
	unsigned long inode = listening_inode("/proc/net/tcp", port);
	if (!inode) inode = listening_inode("/proc/net/tcp6", port);
	if (!inode) return;
	DIR *d = opendir("/proc");
	if (!d) return;
	/* cppcheck-suppress readdirCalled ; the stream is ours alone */
	for (struct dirent *e; !out[0] && (e = readdir(d));) {
		if (!isdigit((unsigned char)e->d_name[0]) || !process_has(e->d_name, inode)) continue;
		char path[300], comm[32] = "a process";
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		FILE *f = fopen(path, "re");
		if (f) {
			if (fgets(comm, sizeof(comm), f)) comm[strcspn(comm, "\n")] = '\0';
			fclose(f);
		}
		snprintf(out, n, " by %s (pid %.16s)", comm, e->d_name);
	}
	closedir(d);
}

static void fail_listen(const char *address, const char *port, int why, struct sp_err *err)
{
	if (why == EADDRNOTAVAIL)
		sp_fail(err, SP_E_INVALID, 0, "this host has not the address of %s; listen on one that it has", address);
	else if (why == EACCES)
		sp_fail(err, SP_E_IO, 0,
		        "this user may not listen on port %s (net.ipv4.ip_unprivileged_port_start); choose a port above 1023", port);
	else
		sp_fail(err, SP_E_IO, why, "listen on %s", address);
}

int sp_http_listen(const char *address, int *port, struct sp_err *err)
{
	sp_autofree char *copy = sp_strdup(address);
	char *host, *service;
	if (!split_address(copy, &host, &service))
		return sp_fail(err, SP_E_INVALID, 0, "listen address '%s' is not HOST:PORT or [ADDRESS]:PORT", address);

	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *ai;
	int e = getaddrinfo(host, service, &hints, &ai);
	if (e) return sp_fail(err, SP_E_INVALID, 0, "listen address '%s': %s", address, gai_strerror(e));

	int rc = -1, on = 1, off = 0;
	sp_autoclose int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		sp_fail(err, SP_E_IO, errno, "make a socket");
		goto out;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* "[::]" serves IPv4 too, whatever the host's default is. */
	if (ai->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		int why = errno;
		if (why == EADDRINUSE) {
			char who[96];
			whose_port((unsigned)strtol(service, NULL, 10), who, sizeof(who));
			sp_fail(err, SP_E_CONFLICT, 0, "%s is taken%s; listen on another HOST:PORT (--http-listen, port 0: any free one)",
			        address, who);
		} else {
			fail_listen(address, service, why, err);
		}
		goto out;
	}
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} a = {0};
	socklen_t n = sizeof(a);
	if (getsockname(fd, &a.any, &n) < 0) {
		sp_fail(err, SP_E_IO, errno, "listen on %s", address);
		goto out;
	}
	*port = ntohs(a.any.sa_family == AF_INET6 ? a.six.sin6_port : a.four.sin_port);
	rc = sp_steal_fd(&fd);
out:
	freeaddrinfo(ai);
	return rc;
}

int sp_http_try_listen(const char *address, struct sp_err *err)
{
	int port;
	sp_autoclose int fd = sp_http_listen(address, &port, err);
	return fd < 0 ? -1 : 0;
}
