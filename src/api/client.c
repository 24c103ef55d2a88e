/* SPDX-License-Identifier: MIT */
#include "api/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/internal.h"
#include "api/open_mode.h"
#include "base/mem.h"

#define ENTRIES_MAX 64
#define FORWARDED_MAX 2048

/* IPv4 as IPv6 maps it, so that there is one kind of address. */
struct ip {
	unsigned char b[16];
};

struct network {
	struct ip ip;
	int bits;
};

struct sp_proxies {
	size_t n;
	struct network list[ENTRIES_MAX];
};

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void ip_of_v4(const void *four, struct ip *out)
{
	memcpy(out->b, mapped, sizeof(mapped));
	memcpy(out->b + sizeof(mapped), four, 4);
}

static bool ip_of_sockaddr(const struct sockaddr *a, struct ip *out)
{
	if (a->sa_family == AF_INET)
		ip_of_v4(&((const struct sockaddr_in *)(const void *)a)->sin_addr, out);
	else if (a->sa_family == AF_INET6)
		memcpy(out->b, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
	else
		return false;
	return true;
}

static void sockaddr_of_ip(const struct ip *ip, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (memcmp(ip->b, mapped, sizeof(mapped)) == 0) {
		struct sockaddr_in *four = (void *)out;
		four->sin_family = AF_INET;
		memcpy(&four->sin_addr, ip->b + sizeof(mapped), 4);
	} else {
		struct sockaddr_in6 *six = (void *)out;
		six->sin6_family = AF_INET6;
		memcpy(&six->sin6_addr, ip->b, 16);
	}
}

/* An address as people and proxies write it: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. Returns its number of bits (32 or 128), 0 when it is none. */
static int ip_parse(const char *p, size_t n, struct ip *out)
{
	char text[INET6_ADDRSTRLEN + 1];
	unsigned char four[4];

	if (n > 0 && *p == '[') {
		const char *end = memchr(p, ']', n);
		if (!end || (end + 1 < p + n && end[1] != ':')) return 0;
		n = (size_t)(end - ++p);
	} else {
		const char *colon = memchr(p, ':', n);
		if (colon && !memchr(colon + 1, ':', (size_t)(p + n - colon) - 1)) n = (size_t)(colon - p);
	}
	if (n == 0 || n >= sizeof(text)) return 0;
	memcpy(text, p, n);
	text[n] = '\0';
	if (inet_pton(AF_INET, text, four) == 1) {
		ip_of_v4(four, out);
		return 32;
	}
	return inet_pton(AF_INET6, text, out->b) == 1 ? 128 : 0;
}

static bool within(const struct ip *ip, const struct network *net)
{
	int whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(ip->b, net->ip.b, (size_t)whole) != 0) return false;
	return !rest || ((ip->b[whole] ^ net->ip.b[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

static bool is_trusted(const struct sp_proxies *p, const struct ip *ip)
{
	for (size_t i = 0; i < p->n; i++)
		if (within(ip, &p->list[i])) return true;
	return false;
}

/* Calls fn for each entry of a list with commas; blanks around it are not part of it. -1 from fn ends and is returned. */
static int each_entry(const char *list, int (*fn)(void *cls, const char *p, size_t n, struct sp_err *err), void *cls, struct sp_err *err)
{
	while (*list) {
		size_t n = strcspn(list, ",");
		const char *p = list, *end = list + n;
		while (p < end && (*p == ' ' || *p == '\t')) p++;
		while (end > p && (end[-1] == ' ' || end[-1] == '\t')) end--;
		if (end > p && fn(cls, p, (size_t)(end - p), err) < 0) return -1;
		list += n + (list[n] == ',');
	}
	return 0;
}

static int add_network(void *cls, const char *p, size_t n, struct sp_err *err)
{
	struct sp_proxies *proxies = cls;
	const char *slash = memchr(p, '/', n);
	struct network net = {.bits = 0};
	int all = ip_parse(p, slash ? (size_t)(slash - p) : n, &net.ip);
	long bits = all;

	if (slash) {
		char text[4] = "";
		size_t digits = (size_t)(p + n - slash) - 1;
		if (digits == 0 || digits >= sizeof(text)) all = 0;
		memcpy(text, slash + 1, digits < sizeof(text) ? digits : 0);
		char *end;
		bits = strtol(text, &end, 10);
		if (*end || bits < 0 || bits > all || strspn(text, "0123456789") != digits) all = 0;
	}
	if (!all)
		return sp_fail(err, SP_E_INVALID, 0, "http.trusted_proxies: '%.*s' is neither an address nor a network",
		        (int)(n > 60 ? 60 : n), p);
	if (proxies->n == ENTRIES_MAX) return sp_fail(err, SP_E_INVALID, 0, "http.trusted_proxies has more than %d entries", ENTRIES_MAX);
	net.bits = (int)bits + (all == 32 ? 96 : 0);
	proxies->list[proxies->n++] = net;
	return 0;
}

struct sp_proxies *sp_proxies_parse(const char *list, struct sp_err *err)
{
	struct sp_proxies *p = sp_new(struct sp_proxies);

	if (each_entry(list, add_network, p, err) == 0) return p;
	free(p);
	return NULL;
}

void sp_proxies_free(struct sp_proxies *p) { free(p); }

/* ---- the client's address ---- */

struct forwarded {
	bool trusted; /* the peer is: X-Forwarded-For is for us and not a sign of somebody unknown */
	char list[FORWARDED_MAX]; /* X-Forwarded-For of all lines, in order */
	size_t n;
	bool given, cut; /* the header was there; it was too long */
	const char *name; /* a header that speaks of a proxy: of one that is not trusted, or of a trusted one beside X-Forwarded-For */
};

static bool look_at_header(void *cls, const char *name, const char *value)
{
	struct forwarded *f = cls;

	if (!sp_open_mode_forwarding(name)) return true;
	if (!f->trusted || strcasecmp(name, "X-Forwarded-For") != 0) {
		f->name = name;
		return f->trusted;
	}
	f->given = true;
	int w = snprintf(f->list + f->n, sizeof(f->list) - f->n, "%s%s", f->n ? "," : "", value);
	f->cut |= w < 0 || (size_t)w >= sizeof(f->list) - f->n;
	f->n = f->cut ? sizeof(f->list) - 1 : f->n + (size_t)w;
	return true;
}

void sp_client_of(const struct sp_proxies *p, struct sp_http_request *r, struct sp_client *out)
{
	const struct sockaddr *peer = sp_http_peer(r);
	struct forwarded f;
	struct ip ip;

	memset(out, 0, sizeof(*out));
	memcpy(&out->address, peer, peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	f.n = 0;
	f.given = f.cut = false;
	f.name = NULL;
	f.list[0] = '\0';
	f.trusted = ip_of_sockaddr(peer, &ip) && is_trusted(p, &ip);
	sp_http_each_header(r, look_at_header, &f);
	/* Of a trusted proxy one header is believed, as http.trusted_proxies says, and what else it adds does not count then. Without that one, another tells that the request came from somewhere,
	 * and nothing from where. */
	if (!f.given) {
		out->forwarding = f.name;
		return;
	}
	/* From the right: each proxy adds its own peer at the end, and what a client wrote is on the left. */
	for (size_t end = f.n; !f.cut;) {
		size_t begin = end;
		while (begin > 0 && f.list[begin - 1] != ',') begin--;
		const char *s = f.list + begin;
		size_t n = end - begin;
		while (n && (*s == ' ' || *s == '\t')) s++, n--;
		while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
		if (!ip_parse(s, n, &ip)) break;
		sockaddr_of_ip(&ip, &out->address);
		if (!is_trusted(p, &ip) || begin == 0) return;
		end = begin - 1;
	}
	out->forwarding = "X-Forwarded-For";
}

uint64_t sp_client_number(const struct sp_client *c)
{
	struct ip ip = {{0}};
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	ip_of_sockaddr((const struct sockaddr *)&c->address, &ip);
	size_t n = memcmp(ip.b, mapped, sizeof(mapped)) == 0 ? 16 : 8;
	for (size_t i = 0; i < n; i++) h = (h ^ ip.b[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

/* ---- pages of other sites ---- */

struct sp_cors {
	bool any;
	size_t n;
	char *list[ENTRIES_MAX];
};

static int add_origin(void *cls, const char *p, size_t n, struct sp_err *err)
{
	struct sp_cors *c = cls;

	if (n == 1 && *p == '*') {
		c->any = true;
		return 0;
	}
	size_t scheme = n > 8 && !strncasecmp(p, "https://", 8) ? 8 : n > 7 && !strncasecmp(p, "http://", 7) ? 7 : 0;
	if (!scheme || memchr(p + scheme, '/', n - scheme))
		return sp_fail(err, SP_E_INVALID, 0, "http.cors_origins: '%.*s' is no origin; one is https://example.org, without a path",
		        (int)(n > 60 ? 60 : n), p);
	if (c->n == ENTRIES_MAX) return sp_fail(err, SP_E_INVALID, 0, "http.cors_origins has more than %d entries", ENTRIES_MAX);
	c->list[c->n++] = sp_memdup0(p, n);
	return 0;
}

struct sp_cors *sp_cors_parse(const char *list, struct sp_err *err)
{
	struct sp_cors *c = sp_new(struct sp_cors);

	if (each_entry(list, add_origin, c, err) == 0) return c;
	sp_cors_free(c);
	return NULL;
}

void sp_cors_free(struct sp_cors *c)
{
	if (!c) return;
	for (size_t i = 0; i < c->n; i++) free(c->list[i]);
	free(c);
}

bool sp_cors_allows(const struct sp_cors *c, const char *origin)
{
	if (!origin) return false;
	if (c->any) return true;
	for (size_t i = 0; i < c->n; i++)
		if (!strcasecmp(c->list[i], origin)) return true;
	return false;
}

bool sp_cors_gate(struct sp_api *a, struct sp_http_request *r)
{
	const char *origin = sp_http_header(r, "Origin");

	if (!a->cors->any && a->cors->n == 0) return true;
	sp_http_add_header(r, "Vary", "Origin");
	if (!sp_cors_allows(a->cors, origin)) return true;
	/* The key is sent by the page itself, never by the browser on its own, so no Allow-Credentials. */
	sp_http_add_header(r, "Access-Control-Allow-Origin", origin);
	sp_http_add_header(r, "Access-Control-Expose-Headers",
	        "Location, Retry-After, X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Idempotent-Replayed");
	if (strcmp(sp_http_method(r), "OPTIONS") != 0 || !sp_http_header(r, "Access-Control-Request-Method")) return true;
	sp_http_add_header(r, "Access-Control-Allow-Methods", "GET, POST, DELETE");
	sp_http_add_header(r, "Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, Range");
	sp_http_add_header(r, "Access-Control-Max-Age", "600");
	sp_http_reply(r, 204, NULL, NULL, 0);
	return false;
}
