/* SPDX-License-Identifier: MIT */
/*
 * Requests that two programs could read in two ways are refused, whatever the library between would make of them: a proxy in front and this server must agree on where a
 * request ends (RFC 9112 sections 3.2, 5, 6 and 11.2).
 */
#include "http/guards.h"

#include <string.h>
#include <strings.h>

static bool is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool named(const struct sp_http_field *f, const char *name)
{
	return strlen(name) == f->name_len && !strncasecmp(f->name, name, f->name_len);
}

const char *sp_http_check_method(const char *method)
{
	size_t n = 0;

	while (is_token_char((unsigned char)method[n])) n++;
	return n && !method[n] ? NULL : "the method has a character that is not allowed there";
}

static const char *check_field(const struct sp_http_field *f)
{
	if (f->name_len == 0) return "a header field has no name";
	for (size_t i = 0; i < f->name_len; i++) {
		if (!is_token_char((unsigned char)f->name[i]))
			return "the name of a header field has a character that is not allowed there";
	}
	for (size_t i = 0; i < f->value_len; i++) {
		unsigned char c = (unsigned char)f->value[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f) return "the value of a header field has a control character";
	}
	return NULL;
}

/* Digits only: no sign, no list, no blank; at most 18 of them, so that it cannot overflow. */
static bool parse_length(const struct sp_http_field *f, int64_t *out)
{
	size_t n = f->value_len;
	while (n > 0 && (f->value[n - 1] == ' ' || f->value[n - 1] == '\t')) n--;
	if (n == 0 || n > 18) return false;
	int64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		if (f->value[i] < '0' || f->value[i] > '9') return false;
		v = v * 10 + (f->value[i] - '0');
	}
	*out = v;
	return true;
}

static bool value_is(const struct sp_http_field *f, const char *want)
{
	size_t n = f->value_len;
	while (n > 0 && (f->value[n - 1] == ' ' || f->value[n - 1] == '\t')) n--;
	return n == strlen(want) && !strncasecmp(f->value, want, n);
}

static bool host_ok(const struct sp_http_field *f)
{
	for (size_t i = 0; i < f->value_len; i++) {
		unsigned char c = (unsigned char)f->value[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!alnum && !(c && strchr("-._~%!$&'()*+;=:[]", c))) return false;
	}
	return true;
}

const char *sp_http_check_header(const struct sp_http_field *f, size_t n, const char *version, struct sp_http_framing *out)
{
	size_t lengths = 0, codings = 0, hosts = 0;
	bool old = !strcmp(version, "HTTP/1.0");

	*out = (struct sp_http_framing){0};
	if (!old && strcmp(version, "HTTP/1.1") != 0) return "the HTTP version is not 1.0 or 1.1";
	for (size_t i = 0; i < n; i++) {
		const char *wrong = check_field(&f[i]);
		if (wrong) return wrong;
		if (named(&f[i], "Content-Length")) {
			if (lengths++) return "Content-Length is there more than once";
			if (!parse_length(&f[i], &out->length)) return "Content-Length is not a number of bytes";
			out->has_length = true;
		} else if (named(&f[i], "Transfer-Encoding")) {
			if (codings++) return "Transfer-Encoding is there more than once";
			if (!value_is(&f[i], "chunked")) return "Transfer-Encoding is not exactly 'chunked'";
			if (old) return "Transfer-Encoding does not exist in HTTP/1.0";
			out->chunked = true;
		} else if (named(&f[i], "Host")) {
			if (hosts++) return "Host is there more than once";
			if (!host_ok(&f[i])) return "Host is not a host name or address with an optional port";
		} else if (named(&f[i], "Expect")) {
			out->expect_continue = value_is(&f[i], "100-continue") && !old;
		}
	}
	if (lengths && codings) return "Content-Length and Transfer-Encoding are both there";
	if (!old && hosts == 0) return "Host is missing";
	return NULL;
}

static const char hidden[] = "the header has a NUL, a folded line or a control character";

const char *sp_http_check_layout(const char *method, size_t header_size, const char *uri, size_t uri_len, const char *version,
        const struct sp_http_field *f, size_t n)
{
	const char *end = method + header_size;
	const char *p = method + strlen(method) + 1;

	while (p < end && p < uri && *p == ' ') p++;
	if (p != uri || uri + uri_len + 1 != version) return hidden;
	p = version + strlen(version);
	for (size_t i = 0; i < n; i++) {
		/* One NUL where a line ended with LF alone, two where it ended with CR LF. */
		size_t nuls = 0;
		while (p < end && nuls < 2 && *p == '\0') {
			p++;
			nuls++;
		}
		if (nuls == 0 || p != f[i].name) return hidden;
		p += f[i].name_len;
		if (p >= end || *p != '\0') return hidden;
		p++;
		while (p < end && (*p == ' ' || *p == '\t')) p++;
		if (f[i].value_len == 0) continue;
		if (p != f[i].value) return hidden;
		p += f[i].value_len;
	}
	if (p > end || end - p > 4) return hidden;
	for (; p < end; p++) {
		if (*p != '\0' && *p != '\r' && *p != '\n') return hidden;
	}
	return NULL;
}

bool sp_http_layout_needed(const char *v) { return !strncmp(v, "0.9.", 4) && strcmp(v, "0.9.77") < 0; }
