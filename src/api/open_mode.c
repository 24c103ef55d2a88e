/* SPDX-License-Identifier: MIT */
/*
 * What each check is for. Peer: only this machine. Host: a page of a foreign site whose name was made to resolve to 127.0.0.1 (DNS rebinding) sends its own name. Origin: a foreign page
 * that posts to localhost directly says where it comes from; "null" is what sandboxed frames and local files say, and any page can make one. Forwarding headers: a proxy on this machine would make
 * the whole world a local caller.
 */
#include "api/open_mode.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET) return (ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24) == 127;
	if (a->sa_family != AF_INET6) return false;
	const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static bool host_is_local(const char *host)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);
		if (strncasecmp(host, names[i], n) != 0) continue;
		if (!host[n]) return true;
		if (host[n] == ':' && host[n + 1] && strspn(host + n + 1, "0123456789") == strlen(host + n + 1)) return true;
	}
	return false;
}

bool sp_open_mode_forwarding(const char *name)
{
	return !strcasecmp(name, "Forwarded") || !strcasecmp(name, "Via") || !strcasecmp(name, "X-Real-IP") ||
	       !strncasecmp(name, "X-Forwarded-", 12);
}

bool sp_open_mode_allows(const struct sp_open_mode_request *q, char *why, size_t n)
{
	if (!is_loopback(q->peer))
		snprintf(why, n, "it came from another machine");
	else if (!q->host)
		snprintf(why, n, "it has no Host header");
	else if (!host_is_local(q->host))
		snprintf(why, n, "its Host is '%.80s', not localhost, 127.0.0.1 or [::1]", q->host);
	else if (q->forwarding)
		snprintf(why, n, "its header %.40s says that a proxy forwarded it", q->forwarding);
	else if (q->origin && (strncasecmp(q->origin, "http://", 7) != 0 || strcasecmp(q->origin + 7, q->host) != 0))
		snprintf(why, n, "its Origin '%.80s' is another site than this server", q->origin);
	else
		return true;
	return false;
}
