/* SPDX-License-Identifier: MIT */
/*
 * Where a request comes from: the client's address behind proxies that are trusted (http.trusted_proxies), and pages of other sites that may use the API (http.cors_origins).
 */
#ifndef SP_API_CLIENT_H
#define SP_API_CLIENT_H

#include <sys/socket.h>

#include "base/err.h"
#include "http/server.h"

struct sp_proxies;

/* "10.0.0.0/8, ::1": addresses and networks; "" is none. NULL + err (SP_E_INVALID names the entry). */
struct sp_proxies *sp_proxies_parse(const char *list, struct sp_err *err) SP_MUSTCHECK;
void sp_proxies_free(struct sp_proxies *p); /* NULL is fine */

struct sp_client {
	struct sockaddr_storage address; /* port 0 when a proxy told it */
	const char *
	        forwarding; /* name of a header that says that somebody forwarded this of whom the address does not tell: he is not trusted, or sent no X-Forwarded-For; NULL: none */
};
/* The peer; if that is a trusted proxy, the last address in X-Forwarded-For that is not one. An entry that is no address ends the search, and counts as an untrusted one that forwarded. */
void sp_client_of(const struct sp_proxies *p, struct sp_http_request *r, struct sp_client *out);
/* What stands for a client where things are counted: the address, of IPv6 the first 64 bits, which one customer has for himself. Well mixed. */
uint64_t sp_client_number(const struct sp_client *c);

struct sp_cors;

/* "https://example.org, http://localhost:3000", or "*"; "" is none. NULL + err. */
struct sp_cors *sp_cors_parse(const char *list, struct sp_err *err) SP_MUSTCHECK;
void sp_cors_free(struct sp_cors *c); /* NULL is fine */
bool sp_cors_allows(const struct sp_cors *c, const char *origin); /* origin NULL: false */

struct sp_api;
/* Adds the headers that an allowed page's browser looks for; answers a preflight request of one. False after having answered. Loop thread. */
bool sp_cors_gate(struct sp_api *a, struct sp_http_request *r);

#endif
