/* SPDX-License-Identifier: MIT */
/* What the tests of core share: a configuration of defaults, a language, JSON in one line. */
#ifndef SP_TESTS_CORE_SUPPORT_H
#define SP_TESTS_CORE_SUPPORT_H

#include "unit.h"

#include "base/data.h"
#include "core/config.h"
#include "core/language.h"

/* Defaults only: an empty file stands before the host's. */
static inline void load_defaults(struct sp_config *c)
{
	struct sp_err err = {0};
	if (sp_config_load(c, "/dev/null", NULL, NULL, 0, &err)) fail_msg("%s", err.msg);
}

/* JSON with ' for ". */
static inline json_t *json_of(const char *text)
{
	size_t n = strlen(text);
	char *s = malloc(n + 1);
	struct sp_err err = {0};
	enum sp_json_fault fault;

	for (size_t i = 0; i <= n; i++) s[i] = text[i] == '\'' ? '"' : text[i];
	json_t *v = sp_json_parse(s, n, &fault, &err);
	if (!v) fail_msg("%s: %s", text, err.msg);
	free(s);
	return v;
}

/* Equal as JSON, whatever the order of keys. */
static inline void assert_json(const json_t *got, const char *want)
{
	json_t *w = json_of(want);
	if (!json_equal(got, w)) {
		char *s = json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
		fail_msg("got %s, wanted %s", s ? s : "nothing", want);
	}
	json_decref(w);
}

static char *no_words[] = {NULL};
static char *lang_run[] = {(char *)(uintptr_t) "lang", (char *)(uintptr_t) "{entry}", NULL};
static inline struct sp_language test_language(void)
{
	return (struct sp_language){.id = (char *)(uintptr_t) "lang",
	        .name = (char *)(uintptr_t) "Lang",
	        .source = (char *)(uintptr_t) "main.lg",
	        .root = (char *)(uintptr_t) "host",
	        .aliases = no_words,
	        .run = lang_run,
	        .version_command = lang_run,
	        .env = no_words,
	        .version_pattern = (char *)(uintptr_t) "(.*)",
	        .memory_min_bytes = 8 << 20,
	        .processes_extra = 3};
}

#endif
