/* SPDX-License-Identifier: MIT */
/* Open mode: no users, so only callers on this machine. A pure function over what a request shows. */
#ifndef SP_API_OPEN_MODE_H
#define SP_API_OPEN_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct sp_open_mode_request {
	const struct sockaddr *peer;
	const char *host, *origin; /* headers; NULL when absent */
	const char *forwarding; /* name of a header that says that a proxy forwarded the request; NULL: none */
};

/* true: may pass. Else why (at most n bytes with NUL) says in one clause what was wrong. */
bool sp_open_mode_allows(const struct sp_open_mode_request *q, char *why, size_t n);
/* Whether a header of this name speaks of a proxy: Forwarded, Via, X-Real-IP, X-Forwarded-*. */
bool sp_open_mode_forwarding(const char *header_name);

#endif
