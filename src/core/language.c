/* SPDX-License-Identifier: MIT */
/* Looking languages up, and what their steps are started with. Reading the definitions: language_load.c. */
#include "core/language.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#define ENTRY "{entry}"
#define DIRECTORY "{directory}"
#define SOURCES "{sources}"
#define BASE_PATH "PATH=/usr/local/bin:/usr/bin:/bin"

const struct sp_language *sp_languages_find(const struct sp_languages *ls, const char *name)
{
	for (size_t i = 0; i < ls->n; i++) {
		const struct sp_language *l = &ls->list[i];
		if (strcasecmp(l->id, name) == 0) return l;
		for (char **a = l->aliases; *a; a++)
			if (strcasecmp(*a, name) == 0) return l;
	}
	return NULL;
}

const char *sp_languages_nearest(const struct sp_languages *ls, const char *name)
{
	char word[32]; /* the longest id and its NUL; what is longer is near to none */
	size_t n = strlen(name), count = 0;

	if (n >= sizeof(word)) return NULL;
	for (size_t i = 0; i <= n; i++) word[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	for (size_t i = 0; i < ls->n; i++) {
		count++;
		for (char **a = ls->list[i].aliases; *a; a++) count++;
	}

	sp_autofree const char **all = sp_calloc(count + 1, sizeof(*all));
	size_t k = 0;
	for (size_t i = 0; i < ls->n; i++) {
		all[k++] = ls->list[i].id;
		for (char **a = ls->list[i].aliases; *a; a++) all[k++] = *a;
	}
	return sp_nearest(word, all, k);
}

/* One element of a template, filled in one pass: a path may read like a placeholder. Both sides are bounded: templates by their file, paths by SP_PATH_LEN_MAX. */
static char *fill(const char *tmpl, const char *entry, const char *directory)
{
	const struct {
		const char *name, *value;
	} known[] = {{ENTRY, entry}, {DIRECTORY, directory}};
	struct sp_buf out;

	sp_buf_init(&out, SIZE_MAX);
	while (*tmpl) {
		const char *value = NULL;
		size_t taken = strcspn(tmpl + 1, "{") + 1;
		for (size_t i = 0; !value && i < SP_COUNT(known); i++)
			if (strncmp(tmpl, known[i].name, strlen(known[i].name)) == 0) value = known[i].value, taken = strlen(known[i].name);
		SP_BUG_ON(sp_buf_add(&out, value ? value : tmpl, value ? strlen(value) : taken) != 0);
		tmpl += taken;
	}
	return sp_buf_steal(&out, NULL);
}

static size_t count(const char *const *v)
{
	size_t n = 0;
	while (v && v[n]) n++;
	return n;
}

bool sp_language_takes_sources(const struct sp_language *l)
{
	for (char *const *w = l->compile; w && *w; w++)
		if (strcmp(*w, SOURCES) == 0) return true;
	return false;
}

bool sp_language_is_source(const struct sp_language *l, const char *path)
{
	size_t n = strlen(path);
	for (char *const *e = l->sources; e && *e; e++) {
		size_t k = strlen(*e);
		if (n > k && path[n - k - 1] != '/' && strcmp(path + n - k, *e) == 0) return true;
	}
	return false;
}

static char *plain_path(const char *path) { return sp_asprintf("%s%s", path[0] == '-' || path[0] == '@' ? "./" : "", path); }

char **sp_language_argv(char *const *tmpl, const char *const *sources, const char *const *args)
{
	size_t nt = count((const char *const *)tmpl), ns = count(sources), na = count(args), n = 0;
	sp_autofree char *entry = plain_path(sources[0]);
	const char *slash = strrchr(sources[0], '/');
	sp_autofree char *directory = sp_asprintf("./%.*s", slash ? (int)(slash - sources[0]) : 0, sources[0]);
	char **out = sp_calloc(nt * (ns + 1) + na + 1, sizeof(*out)); /* each word may be {sources} */

	for (size_t i = 0; i < nt; i++) {
		if (strcmp(tmpl[i], SOURCES) != 0)
			out[n++] = fill(tmpl[i], entry, directory);
		else
			for (size_t k = 0; k < ns; k++) out[n++] = plain_path(sources[k]);
	}
	for (size_t i = 0; i < na; i++) out[n++] = sp_strdup(args[i]);
	return out;
}

static void put(char **env, size_t *n, const char *setting)
{
	size_t name = strcspn(setting, "=") + 1;

	for (size_t i = 0; i < *n; i++) {
		if (strncmp(env[i], setting, name) != 0) continue;
		free(env[i]);
		env[i] = sp_strdup(setting);
		return;
	}
	env[(*n)++] = sp_strdup(setting);
}

char **sp_language_env(const struct sp_language *l, const char *const *extra)
{
	static const char *const base[] = {BASE_PATH, "HOME=/box", "LANG=C.UTF-8", "TMPDIR=/tmp", NULL};
	const char *const *own = (const char *const *)l->env;
	size_t n = 0;
	char **out = sp_calloc(count(base) + count(own) + count(extra) + 1, sizeof(*out));

	for (const char *const *p = base; *p; p++) put(out, &n, *p);
	for (const char *const *p = own; p && *p; p++) put(out, &n, *p);
	for (const char *const *p = extra; p && *p; p++) put(out, &n, *p);
	return out;
}

static const char *path_setting(const struct sp_language *l)
{
	for (char *const *e = l->env; e && *e; e++)
		if (strncmp(*e, "PATH=", 5) == 0) return *e;
	return BASE_PATH;
}

const char *sp_language_path(const struct sp_language *l) { return path_setting(l) + strlen("PATH="); }

char **sp_language_compile_env(const struct sp_language *l, const char *const *extra)
{
	char **env = sp_language_env(l, extra);
	size_t n = count((const char *const *)env);

	put(env, &n, path_setting(l)); /* takes the place of the one that is always there */
	return env;
}

void sp_argv_free(char **v)
{
	for (char **p = v; p && *p; p++) free(*p);
	free(v);
}
