/* SPDX-License-Identifier: MIT */
/*
 * src/http/guards.c and src/api/open_mode.c. The input is a request's header as it came from the wire. It is taken apart here as libmicrohttpd 0.9.75 does it: in place, with NULs over the separators, a value ended by a NUL in it,
 * folded lines joined somewhere else.
 *
 * Holds: what all checks accept is a header that a strict parser, which reads the original, reads in the same way, with at most one framing; and a clean header is not refused for its layout. The
 * callers that open mode lets in are those of this machine.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <strings.h>

#include "api/open_mode.h"
#include "http/guards.h"
#include "http/route.h"

#define FIELDS_MAX 64

struct parsed {
	char *bytes, *folded; /* owned; folded: of what was joined */
	size_t size, n;
	const char *method, *uri, *version;
	size_t uri_len;
	struct sp_http_field f[FIELDS_MAX];
};

/* Ends the line that begins at *at: puts NULs over its end. Returns its begin, or NULL when there is no end. */
static char *next_line(struct parsed *p, size_t *at)
{
	char *line = p->bytes + *at;
	size_t i = *at;

	while (i < p->size && p->bytes[i] != '\n') i++;
	if (i == p->size) return NULL;
	if (i > *at && p->bytes[i - 1] == '\r') p->bytes[i - 1] = '\0';
	p->bytes[i++] = '\0';
	*at = i;
	return line;
}

static bool request_line(struct parsed *p, char *line)
{
	char *uri = strchr(line, ' ');
	if (!uri) return false;
	*uri++ = '\0';
	while (*uri == ' ') uri++;
	char *version = strrchr(uri, ' ');
	if (!version) return false;
	p->uri_len = (size_t)(version - uri);
	*version++ = '\0';
	p->method = line;
	p->uri = uri;
	p->version = version;
	return true;
}

static bool field_line(struct parsed *p, char *line, size_t *at)
{
	char *colon = strchr(line, ':');
	if (!colon || p->n == FIELDS_MAX) return false;
	*colon++ = '\0';
	while (*colon == ' ' || *colon == '\t') colon++;
	struct sp_http_field f = {.name = line, .name_len = strlen(line), .value = colon, .value_len = strlen(colon)};
	while (*at < p->size && (p->bytes[*at] == ' ' || p->bytes[*at] == '\t')) {
		char *more = next_line(p, at);
		if (!more) return false;
		/* One is enough to tell: a value that lies elsewhere. */
		if (p->folded) return false;
		p->folded = malloc(f.value_len + strlen(more) + 1);
		FZ_CHECK(p->folded);
		memcpy(p->folded, f.value, f.value_len);
		memcpy(p->folded + f.value_len, more, strlen(more) + 1);
		f.value = p->folded;
		f.value_len += strlen(more);
	}
	p->f[p->n++] = f;
	return true;
}

/* false: the library would have refused it by itself, or waits for more. */
static bool parse(struct parsed *p)
{
	size_t at = 0;
	char *line = next_line(p, &at);

	if (!line || !request_line(p, line)) return false;
	while ((line = next_line(p, &at)) && *line)
		if (!field_line(p, line, &at)) return false;
	p->size = at;
	return line != NULL;
}

/* The original, by the letter: CR LF or LF ends a line, a line is name ":" value. NULs at the end of one cannot always be told from what the end is overwritten with; nothing is hidden by that. */
static void check_original(const struct parsed *p, const char *raw)
{
	size_t at = 0;

	for (size_t i = 0; i < p->size; i++) {
		FZ_CHECK(raw[i] != '\r' || (i + 1 < p->size && raw[i + 1] == '\n'));
		FZ_CHECK(raw[i] || (i + 1 < p->size && strchr("\r\n", raw[i + 1]))); /* of NULs in a row, the last */
	}
	for (size_t k = 0; at < p->size; k++) {
		size_t end = at;
		while (raw[end] != '\n') end++;
		size_t stop = end;
		if (stop > at && raw[stop - 1] == '\r') stop--;
		while (stop > at && !raw[stop - 1]) stop--;
		if (k > 0 && k <= p->n) {
			const struct sp_http_field *f = &p->f[k - 1];
			FZ_CHECK(stop - at > f->name_len && strncmp(raw + at, f->name, f->name_len) == 0 && raw[at + f->name_len] == ':');
			size_t v = at + f->name_len + 1;
			while (v < stop && (raw[v] == ' ' || raw[v] == '\t')) v++;
			FZ_CHECK(stop - v == f->value_len && strncmp(raw + v, f->value, f->value_len) == 0);
		}
		if (k > p->n) FZ_CHECK(stop == at);
		at = end + 1;
	}
}

static bool is(const struct sp_http_field *f, const char *name)
{
	return f->name_len == strlen(name) && strncasecmp(f->name, name, f->name_len) == 0;
}

static void check_framing(const struct parsed *p, const struct sp_http_framing *fr)
{
	size_t lengths = 0, codings = 0, hosts = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct sp_http_field *f = &p->f[i];
		FZ_CHECK(f->name_len && !memchr(f->name, ' ', f->name_len) && !memchr(f->name, '\t', f->name_len));
		hosts += is(f, "Host");
		codings += is(f, "Transfer-Encoding");
		if (!is(f, "Content-Length")) continue;
		lengths++;
		sp_autofree char *v = fz_text(f->value, f->value_len);
		FZ_CHECK(strtoll(v, NULL, 10) == fr->length && v[strspn(v, "0123456789 \t")] == '\0' && *v != ' ');
	}
	FZ_CHECK(lengths + codings <= 1 && hosts <= 1);
	FZ_CHECK(fr->has_length == (lengths == 1) && fr->chunked == (codings == 1) && fr->length >= 0);
	bool old = strcmp(p->version, "HTTP/1.0") == 0;
	FZ_CHECK(old || strcmp(p->version, "HTTP/1.1") == 0);
	FZ_CHECK(old ? !fr->chunked && !fr->expect_continue : hosts == 1);
}

static bool local_name(const char *host)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
	const char *rest = NULL;
	for (size_t i = 0; i < SP_COUNT(names); i++)
		if (strncasecmp(host, names[i], strlen(names[i])) == 0) rest = host + strlen(names[i]);
	return rest && (!*rest || (*rest == ':' && rest[1] && rest[1 + strspn(rest + 1, "0123456789")] == '\0'));
}

static void check_open_mode(const struct parsed *p)
{
	struct sockaddr_in four = {.sin_family = AF_INET}, far = {.sin_family = AF_INET};
	struct sp_open_mode_request q = {.peer = (const struct sockaddr *)&four};
	char why[200], *host = NULL, *origin = NULL, *forwarding = NULL;

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	far.sin_addr.s_addr = htonl(0xc0a80001);
	for (size_t i = 0; i < p->n; i++) {
		const struct sp_http_field *f = &p->f[i];
		sp_autofree char *name = fz_text(f->name, f->name_len);
		if (!host && is(f, "Host")) host = fz_text(f->value, f->value_len);
		if (!origin && is(f, "Origin")) origin = fz_text(f->value, f->value_len);
		if (!forwarding && sp_open_mode_forwarding(name)) forwarding = fz_text(f->name, f->name_len);
	}
	q.host = host;
	q.origin = origin;
	q.forwarding = forwarding;
	bool allows = sp_open_mode_allows(&q, why, sizeof why);
	bool want = host && local_name(host) && !forwarding &&
	            (!origin || (strncasecmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0));
	FZ_CHECK(allows == want);
	if (!allows) FZ_CHECK(why[0]);
	q.peer = (const struct sockaddr *)&far;
	FZ_CHECK(!sp_open_mode_allows(&q, why, sizeof why));
	free(host);
	free(origin);
	free(forwarding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parsed p = {.bytes = fz_exact(data, size), .size = size};
	struct sp_http_framing fr;
	const char *raw = (const char *)data;

	if (parse(&p)) {
		const char *layout = sp_http_check_layout(p.method, p.size, p.uri, p.uri_len, p.version, p.f, p.n);
		const char *header = sp_http_check_method(p.method);
		if (!header) header = sp_http_check_header(p.f, p.n, p.version, &fr);
		sp_autofree char *uri = fz_text(p.uri, p.uri_len);
		struct sp_http_target target;
		bool target_fine = !sp_http_target_parse(&target, uri);
		sp_http_target_fini(&target);
		if (layout) fz_check_message(layout);
		if (header) fz_check_message(header);
		if (!layout && !header && target_fine) {
			check_original(&p, raw);
			check_framing(&p, &fr);
			check_open_mode(&p);
		}
		if (layout && !header && !p.folded) {
			/* Something must have been hidden. */
			FZ_CHECK(memchr(raw, '\0', p.size));
		}
	}
	free(p.bytes);
	free(p.folded);
	return 0;
}
