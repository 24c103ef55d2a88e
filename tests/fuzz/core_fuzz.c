/* SPDX-License-Identifier: MIT */
#include "core_fuzz.h"

#include "base/data.h"
#include "base/text.h"

static struct sp_config load(const struct sp_setting *flags, size_t n)
{
	struct sp_config c;
	struct sp_err err = {0};
	/* Defaults only: an empty file stands before the host's. */
	if (sp_config_load(&c, "/dev/null", NULL, flags, n, &err)) fz_failed(__FILE__, __LINE__, err.msg);
	return c;
}

const struct sp_config *fz_config_default(void)
{
	static struct sp_config c;
	if (!c.http_listen) c = load(NULL, 0);
	return &c;
}

const struct sp_config *fz_config_tight(void)
{
	static const struct sp_setting flags[] = {{"request.code_max", "40"}, {"request.files_max", "3"}, {"request.decoded_max", "60"},
	        {"request.stdin_max", "24"}, {"request.expected_max", "16"}, {"request.args_max", "3"}, {"request.args_bytes_max", "16"},
	        {"request.env_max", "3"}, {"request.env_bytes_max", "20"}, {"limits.default.files_bytes", "64KiB"},
	        {"limits.max.files_bytes", "64KiB"}, {"http.sync_wait_max", "9ms"}};
	static struct sp_config c;
	if (!c.http_listen) c = load(flags, SP_COUNT(flags));
	return &c;
}

#define TEXT(s) ((char *)(uintptr_t)(s))

const struct sp_languages *fz_languages(void)
{
	static char *none[] = {NULL}, *l1[] = {TEXT("l1"), NULL}, *run[] = {TEXT("lang"), TEXT("{entry}"), NULL},
	            *out[] = {TEXT("./{entry}.out"), NULL};
	static char *cc[] = {TEXT("cc"), TEXT("-o"), TEXT("{entry}.out"), TEXT("{entry}"), NULL},
	            *env[] = {TEXT("LANG=C"), TEXT("A=b"), NULL};
	static struct sp_language list[] = {
	        {.id = TEXT("lang"),
	                .name = TEXT("Lang"),
	                .source = TEXT("main.lg"),
	                .root = TEXT("host"),
	                .aliases = l1,
	                .run = run,
	                .version_command = run,
	                .version_pattern = TEXT("(.*)"),
	                .env = none,
	                .memory_min_bytes = 8 << 20,
	                .processes_extra = 3},
	        {.id = TEXT("comp"),
	                .name = TEXT("Compiled"),
	                .source = TEXT("main.c"),
	                .root = TEXT("host"),
	                .aliases = none,
	                .compile = cc,
	                .run = out,
	                .version_command = cc,
	                .version_pattern = TEXT("(.*)"),
	                .env = env,
	                .processes_extra = 5},
	};
	static struct sp_languages ls = {list, SP_COUNT(list)};
	return &ls;
}

size_t fz_words(char *const *v, size_t *bytes)
{
	size_t n = 0;
	*bytes = 0;
	for (; v && v[n]; n++) *bytes += strlen(v[n]) + 1;
	return n;
}

json_t *fz_reread(json_t *v, size_t flags)
{
	sp_autofree char *text = json_dumps(v, flags);
	json_error_t je;

	FZ_CHECK(text);
	FZ_CHECK(sp_utf8_valid(text, strlen(text)));
	json_t *again = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
	FZ_CHECK(again);
	return again;
}

void fz_check_problems(const struct sp_problems *ps)
{
	FZ_CHECK(ps->n >= 1 && ps->n <= SP_PROBLEMS_MAX);
	for (size_t i = 0; i < ps->n; i++) {
		const struct sp_problem *p = &ps->list[i];
		fz_check_message(p->message);
		FZ_CHECK(p->http_status >= 400 && p->http_status < 500 && p->code[0]);
		FZ_CHECK(!p->field[0] || (p->field[0] == '/' && sp_utf8_valid(p->field, strlen(p->field))));
		FZ_CHECK(!json_is_object(p->value) && !json_is_array(p->value));
	}
	json_t *o = sp_problems_json(ps, "id"), *again = fz_reread(o, JSON_COMPACT);
	json_t *first = json_object_get(again, "error");
	static const char *const keys[] = {"code", "message", "field", "value", "limit", "request_id", "more"};
	for (size_t k = 0; k < SP_COUNT(keys); k++) FZ_CHECK(json_object_get(first, keys[k]));
	FZ_CHECK(json_array_size(json_object_get(first, "more")) == ps->n - 1);
	for (size_t i = 1; i < ps->n; i++)
		for (size_t k = 0; k < 5; k++) FZ_CHECK(json_object_get(json_array_get(json_object_get(first, "more"), i - 1), keys[k]));
	json_decref(again);
	json_decref(o);
}
