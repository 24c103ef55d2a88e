/* SPDX-License-Identifier: MIT */
/* The page at / and what it loads (sources in web/), and the description of the API (openapi.json): put into the program by embed.py. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"

struct asset {
	const unsigned char *begin, *end;
	const char *type;
	char etag[20]; /* of the content: quotes, 16 digits */
};

#define ASSET(name) extern const unsigned char sp_asset_##name[], sp_asset_##name##_end[]
ASSET(index_html);
ASSET(app_js);
ASSET(style_css);
ASSET(openapi_json);

static struct asset index_html = {sp_asset_index_html, sp_asset_index_html_end, "text/html; charset=utf-8", ""};
static struct asset app_js = {sp_asset_app_js, sp_asset_app_js_end, "text/javascript; charset=utf-8", ""};
static struct asset style_css = {sp_asset_style_css, sp_asset_style_css_end, "text/css; charset=utf-8", ""};
static struct asset openapi_json = {sp_asset_openapi_json, sp_asset_openapi_json_end, "application/json", ""};

void sp_api_page_init(void)
{
	struct asset *all[] = {&index_html, &app_js, &style_css, &openapi_json};

	for (size_t i = 0; i < SP_COUNT(all); i++) {
		uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a: it tells versions apart, no more */
		for (const unsigned char *p = all[i]->begin; p < all[i]->end; p++) h = (h ^ *p) * UINT64_C(0x100000001b3);
		snprintf(all[i]->etag, sizeof(all[i]->etag), "\"%016" PRIx64 "\"", h);
	}
}

/* Whether If-None-Match lists the tag; weak ones count (RFC 9110 section 13.1.2). */
static bool has_it(const char *header, const char *etag)
{
	if (!header) return false;
	return !strcmp(header, "*") || strstr(header, etag) != NULL;
}

static void serve(struct sp_http_request *r, void *cls)
{
	const struct asset *a = cls;

	sp_http_add_header(r, "ETag", a->etag);
	sp_http_add_header(r, "Cache-Control", "no-cache");
	sp_http_add_header(r, "X-Content-Type-Options", "nosniff");
	sp_http_add_header(r, "Referrer-Policy", "no-referrer");
	/* Everything from this server, nothing inline: what an evaluated program prints can never become a script here. */
	sp_http_add_header(r, "Content-Security-Policy",
	        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action "
	        "'none'; frame-ancestors 'none'");
	if (has_it(sp_http_header(r, "If-None-Match"), a->etag))
		sp_http_reply(r, 304, NULL, NULL, 0);
	else
		sp_http_reply_static(r, 200, a->type, a->begin, (size_t)(a->end - a->begin));
}

const struct sp_http_route sp_api_page_routes[] = {
        {"GET", "/", 0, serve, &index_html},
        {"GET", "/app.js", 0, serve, &app_js},
        {"GET", "/style.css", 0, serve, &style_css},
        {"GET", "/openapi.json", 0, serve, &openapi_json},
};
const size_t sp_api_page_nroutes = SP_COUNT(sp_api_page_routes);
