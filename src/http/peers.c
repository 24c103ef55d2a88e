/* SPDX-License-Identifier: MIT */
/* How many connections each address has. An IPv6 host owns a /64, so that is what counts as one address; IPv4 in its mapped form counts as IPv4. */
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "http/internal.h"

#define BUCKETS 4096

struct sp_http_peer {
	struct sp_http_peer *next;
	unsigned char key[16];
	size_t bucket, count;
};

void sp_http_peers_init(struct sp_http_server *s)
{
	s->peers = sp_calloc(BUCKETS, sizeof(s->peers[0]));
	s->npeers = BUCKETS;
}

void sp_http_peers_fini(struct sp_http_server *s)
{
	for (size_t i = 0; i < s->npeers; i++) {
		while (s->peers[i]) {
			struct sp_http_peer *p = s->peers[i];
			s->peers[i] = p->next;
			free(p);
		}
	}
	free(s->peers);
}

static void make_key(const struct sockaddr *addr, unsigned char key[16])
{
	memset(key, 0, 16);
	if (addr->sa_family == AF_INET) {
		key[10] = key[11] = 0xff;
		memcpy(key + 12, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
	} else if (addr->sa_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
		memcpy(key, a, IN6_IS_ADDR_V4MAPPED(a) ? 16 : 8);
	}
}

struct sp_http_peer *sp_http_peer_add(struct sp_http_server *s, const struct sockaddr *addr, size_t *count)
{
	unsigned char key[16];
	make_key(addr, key);
	/* FNV-1a. Whoever crafts collisions lengthens a list of his own addresses; they are bounded by connections_max. */
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (int i = 0; i < 16; i++) h = (h ^ key[i]) * UINT64_C(0x100000001b3);
	size_t b = (size_t)(h ^ (h >> 32)) % BUCKETS;

	struct sp_http_peer *p = s->peers[b];
	while (p && memcmp(p->key, key, 16) != 0) p = p->next;
	if (!p) {
		p = sp_new(struct sp_http_peer);
		memcpy(p->key, key, 16);
		p->bucket = b;
		p->next = s->peers[b];
		s->peers[b] = p;
	}
	*count = ++p->count;
	return p;
}

void sp_http_peer_drop(struct sp_http_server *s, struct sp_http_peer *p)
{
	if (--p->count) return;
	struct sp_http_peer **at = &s->peers[p->bucket];
	while (*at != p) at = &(*at)->next;
	*at = p->next;
	free(p);
}
