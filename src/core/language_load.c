/* SPDX-License-Identifier: MIT */
/*
 * Reads language definitions. The YAML reader gives values without places, so an error finds its line by the key at the beginning of a line, which is
 * where every key of this format stands; nested ones (version) are reported at their parent.
 */
#include <dirent.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/data.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/language.h"
#include "core/path.h"

#define FILE_BYTES_MAX ((size_t)64 << 10)
#define LANGUAGES_MAX 256
#define ID_LEN_MAX 31
#define WORDS_MAX 64
#define ENV_MAX 48 /* with the four that all have and the 200 that request.env_max may allow, no more than the box takes (SP_BOX_ENV_MAX) */
#define PACKAGE_LEN_MAX 120
#define ENDING_LEN_MAX 16
#define PROCESSES_EXTRA_MAX 1024
#define MEMORY_MIN_MAX (INT64_C(1) << 40)

static const char *const keys[] = {"id", "name", "aliases", "source", "root", "compile", "sources", "run", "version", "package", "env",
        "memory_min", "processes_extra"};
static const char *const version_keys[] = {"command", "pattern"};

struct file {
	const char *name; /* without directories, for messages */
	const char *text;
	json_t *top;
	struct sp_err *err;
};

static int line_of(const char *text, const char *key)
{
	size_t n = strlen(key);
	int line = 1;

	for (const char *p = text;; line++) {
		const char *k = *p == '"' || *p == '\'' ? p + 1 : p;
		if (strncmp(k, key, n) == 0 && strchr("\"':  \t", k[n]) && k[n]) return line;
		p = strchr(p, '\n');
		if (!p++) return 0;
	}
}

/* "node.yaml:7: memory_min: …"; without the line when the key is not there. */
static int bad(const struct file *f, const char *key, const char *fmt, ...) SP_PRINTF(3, 4);
static int bad(const struct file *f, const char *key, const char *fmt, ...)
{
	char what[200];
	int line = line_of(f->text, key);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (line) return sp_fail(f->err, SP_E_INVALID, 0, "%s:%d: %s: %s", f->name, line, key, what);
	return sp_fail(f->err, SP_E_INVALID, 0, "%s: %s: %s", f->name, key, what);
}

/* The text of a string without NUL, or NULL. */
static const char *text_of(const json_t *v)
{
	if (!json_is_string(v)) return NULL;
	return strlen(json_string_value(v)) == json_string_length(v) ? json_string_value(v) : NULL;
}

static int check_keys(const struct file *f, json_t *o, const char *parent, const char *const *known, size_t n)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		bool found = false;
		for (size_t i = 0; i < n && !found; i++) found = strcmp(key, known[i]) == 0;
		if (found) continue;
		const char *near = sp_nearest(key, known, n);
		if (near) return bad(f, parent ? parent : key, "unknown key \"%s\"; did you mean \"%s\"?", key, near);
		return bad(f, parent ? parent : key, "unknown key \"%s\"", key);
	}
	return 0;
}

static int take_text(const struct file *f, const char *key, size_t max, char **out)
{
	const char *s = text_of(json_object_get(f->top, key));

	if (!json_object_get(f->top, key)) return bad(f, key, "this key is missing");
	if (!s || !*s) return bad(f, key, "must be text that is not empty");
	if (strlen(s) > max) return bad(f, key, "is longer than %zu bytes", max);
	*out = sp_strdup(s);
	return 0;
}

static int take_words(const struct file *f, const char *key, const json_t *v, bool may_be_empty, char ***out)
{
	size_t n = json_array_size(v);

	if (!json_is_array(v) || (n == 0 && !may_be_empty)) return bad(f, key, "must be a list of texts, as in [a, b]");
	if (n > WORDS_MAX) return bad(f, key, "has more than %d elements", WORDS_MAX);
	*out = sp_calloc(n + 1, sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		const char *s = text_of(json_array_get(v, i));
		if (!s) return bad(f, key, "element %zu must be text (put it in quotes)", i + 1);
		(*out)[i] = sp_strdup(s);
	}
	return 0;
}

static bool id_fine(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > ID_LEN_MAX || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+#-") != n) return false;
	return !strchr("+#-", s[0]);
}

static bool mentions(char *const *argv, const char *placeholder)
{
	for (; argv && *argv; argv++)
		if (strstr(*argv, placeholder)) return true;
	return false;
}

/* {sources} is as many words as there are files, so it is a word of its own; only compilers take several. */
static int check_placeholders(const struct file *f, const struct sp_language *l)
{
	for (char **w = l->compile; w && *w; w++)
		if (strstr(*w, "{sources}") && strcmp(*w, "{sources}") != 0)
			return bad(f, "compile", "{sources} must be an element of its own");
	if (mentions(l->run, "{sources}")) return bad(f, "run", "{sources} is for compile alone");
	if (l->compile && !mentions(l->compile, "{entry}") && !mentions(l->compile, "{sources}") && !mentions(l->compile, "{directory}"))
		return bad(f, "compile", "must name the source with {entry}, {sources} or {directory}");
	if (!l->compile && !mentions(l->run, "{entry}")) return bad(f, "run", "must name the source with {entry}");
	return 0;
}

static bool ending_fine(const char *s)
{
	size_t n = strlen(s);
	return n > 1 && n <= ENDING_LEN_MAX && s[0] == '.' && !strchr(s, '/');
}

static int take_sources(const struct file *f, struct sp_language *l)
{
	json_t *v = json_object_get(f->top, "sources");
	const char *dot = strrchr(l->source, '.');

	if (!v) {
		l->sources = sp_calloc(2, sizeof(*l->sources));
		if (dot && ending_fine(dot)) l->sources[0] = sp_strdup(dot);
		return 0;
	}
	if (take_words(f, "sources", v, false, &l->sources)) return -1;
	for (char **e = l->sources; *e; e++)
		if (!ending_fine(*e)) return bad(f, "sources", "\"%.40s\" is no ending of a file's name, such as .c", *e);
	return sp_language_takes_sources(l) ? 0 : bad(f, "sources", "has no use without {sources} in compile");
}

static int take_version(const struct file *f, struct sp_language *l)
{
	json_t *v = json_object_get(f->top, "version");
	char why[100];
	regex_t re;

	if (!v) return bad(f, "version", "this key is missing");
	if (!json_is_object(v)) return bad(f, "version", "must be {command: […], pattern: …}");
	if (check_keys(f, v, "version", version_keys, SP_COUNT(version_keys))) return -1;
	if (take_words(f, "version", json_object_get(v, "command"), false, &l->version_command)) return -1;
	const char *pattern = text_of(json_object_get(v, "pattern"));
	if (!pattern) return bad(f, "version", "pattern must be text");
	int rc = regcomp(&re, pattern, REG_EXTENDED);
	if (rc) {
		regerror(rc, &re, why, sizeof(why));
		return bad(f, "version", "pattern: %s", why);
	}
	size_t groups = re.re_nsub;
	regfree(&re);
	if (groups < 1) return bad(f, "version", "pattern needs a group in parentheses: it is the version");
	l->version_pattern = sp_strdup(pattern);
	return 0;
}

static int take_package(const struct file *f, struct sp_language *l)
{
	if (!json_object_get(f->top, "package")) {
		l->package = sp_strdup("");
		return 0;
	}
	if (take_text(f, "package", PACKAGE_LEN_MAX, &l->package)) return -1;
	/* It is shown as part of a command. */
	if (l->package[strspn(l->package, "abcdefghijklmnopqrstuvwxyz0123456789+-. ")])
		return bad(f, "package", "must be names of Debian packages, with blanks between them");
	return 0;
}

static int take_env(const struct file *f, struct sp_language *l)
{
	json_t *env = json_object_get(f->top, "env"), *v;
	const char *name;
	size_t n = 0;

	if (env && !json_is_object(env)) return bad(f, "env", "must be {NAME: value}");
	if (json_object_size(env) > ENV_MAX) return bad(f, "env", "has more than %d names", ENV_MAX);
	l->env = sp_calloc(json_object_size(env) + 1, sizeof(*l->env));
	json_object_foreach(env, name, v)
	{
		const char *s = text_of(v);
		if (!*name || strchr(name, '=')) return bad(f, "env", "\"%s\" is no name", name);
		if (s)
			l->env[n++] = sp_asprintf("%s=%s", name, s);
		else if (json_is_integer(v))
			l->env[n++] = sp_asprintf("%s=%lld", name, (long long)json_integer_value(v));
		else
			return bad(f, "env", "the value of %s must be text (put it in quotes)", name);
	}
	return 0;
}

static int take_numbers(const struct file *f, struct sp_language *l)
{
	json_t *m = json_object_get(f->top, "memory_min"), *p = json_object_get(f->top, "processes_extra");
	const char *s = text_of(m);

	if (json_is_integer(m))
		l->memory_min_bytes = json_integer_value(m);
	else if (m && (!s || !sp_parse_bytes(s, &l->memory_min_bytes)))
		return bad(f, "memory_min", "must be a size such as 64MiB");
	if (l->memory_min_bytes < 0 || l->memory_min_bytes > MEMORY_MIN_MAX) return bad(f, "memory_min", "must be between 0 and 1024GiB");
	if (p && !json_is_integer(p)) return bad(f, "processes_extra", "must be a number");
	l->processes_extra = json_integer_value(p);
	if (l->processes_extra < 0 || l->processes_extra > PROCESSES_EXTRA_MAX)
		return bad(f, "processes_extra", "must be between 0 and %d", PROCESSES_EXTRA_MAX);
	return 0;
}

static int take_names(const struct file *f, struct sp_language *l)
{
	json_t *aliases = json_object_get(f->top, "aliases");
	size_t n = strlen(f->name) - strlen(".yaml");

	if (take_text(f, "id", ID_LEN_MAX, &l->id)) return -1;
	if (!id_fine(l->id)) return bad(f, "id", "must match [a-z0-9][a-z0-9+#-]{0,30}");
	if (strlen(l->id) != n || strncmp(l->id, f->name, n) != 0) return bad(f, "id", "\"%s\" must be the name of its file", l->id);
	if (take_text(f, "name", 100, &l->name)) return -1;
	if (!aliases)
		l->aliases = sp_calloc(1, sizeof(*l->aliases));
	else if (take_words(f, "aliases", aliases, true, &l->aliases))
		return -1;
	for (char **a = l->aliases; *a; a++)
		if (!id_fine(*a)) return bad(f, "aliases", "\"%s\" must match [a-z0-9][a-z0-9+#-]{0,30}", *a);
	return 0;
}

static int take(const struct file *f, struct sp_language *l)
{
	json_t *compile = json_object_get(f->top, "compile");
	const char *fault;

	if (!json_is_object(f->top)) return sp_fail(f->err, SP_E_INVALID, 0, "%s:1: must be a mapping of keys to values", f->name);
	if (check_keys(f, f->top, NULL, keys, SP_COUNT(keys))) return -1;
	if (take_names(f, l)) return -1;
	if (take_text(f, "source", SP_PATH_LEN_MAX, &l->source)) return -1;
	if ((fault = sp_path_fault(l->source, strlen(l->source)))) return bad(f, "source", "is %s", fault);
	if (!json_object_get(f->top, "root"))
		l->root = sp_strdup("host");
	else if (take_text(f, "root", 31, &l->root))
		return -1;
	if (compile && take_words(f, "compile", compile, false, &l->compile)) return -1;
	if (!json_object_get(f->top, "run")) return bad(f, "run", "this key is missing");
	if (take_words(f, "run", json_object_get(f->top, "run"), false, &l->run)) return -1;
	if (check_placeholders(f, l) || take_sources(f, l)) return -1;
	if (take_version(f, l) || take_package(f, l) || take_env(f, l)) return -1;
	return take_numbers(f, l);
}

static void language_fini(struct sp_language *l)
{
	free(l->id);
	free(l->name);
	free(l->source);
	free(l->root);
	free(l->version_pattern);
	free(l->package);
	sp_argv_free(l->aliases);
	sp_argv_free(l->compile);
	sp_argv_free(l->sources);
	sp_argv_free(l->run);
	sp_argv_free(l->version_command);
	sp_argv_free(l->env);
}

/* Whose name it is already among those read so far, or NULL. */
static const char *taken_by(const struct sp_languages *ls, const struct sp_language *l, const char *name)
{
	const struct sp_language *other = sp_languages_find(ls, name);
	return other && other != l ? other->id : NULL;
}

static int check_unique(const struct file *f, const struct sp_languages *ls, const struct sp_language *l)
{
	const char *by = taken_by(ls, l, l->id);

	if (by) return bad(f, "id", "\"%s\" is already a name of %s", l->id, by);
	for (char **a = l->aliases; *a; a++) {
		if ((by = taken_by(ls, l, *a))) return bad(f, "aliases", "\"%s\" is already a name of %s", *a, by);
		bool twice = strcmp(*a, l->id) == 0;
		for (char **b = l->aliases; b < a && !twice; b++) twice = strcmp(*a, *b) == 0;
		if (twice) return bad(f, "aliases", "\"%s\" is given twice", *a);
	}
	return 0;
}

/* Adds the definition to the list, also a half-read one, so that it is freed with the others. */
static int load_one(const char *dir, const char *name, struct sp_languages *ls, struct sp_err *err)
{
	struct sp_language *l = &ls->list[ls->n++];
	sp_autofree char *path = sp_asprintf("%s/%s", dir, name);
	struct sp_buf text;
	struct file f = {.name = name, .err = err};
	int rc;

	sp_buf_init(&text, FILE_BYTES_MAX);
	if (sp_read_file(path, FILE_BYTES_MAX, &text, err)) {
		rc = sp_wrap(err, "language %s", name);
	} else if (!(f.top = sp_yaml_parse(text.data, text.len, err))) {
		rc = sp_wrap(err, "%s", name);
	} else {
		f.text = text.data;
		rc = take(&f, l);
		if (rc == 0) rc = check_unique(&f, ls, l);
	}
	json_decref(f.top);
	sp_buf_fini(&text);
	return rc;
}

static int is_definition(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".yaml") == 0;
}

struct sp_languages *sp_languages_load(const char *dir, struct sp_err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_definition, alphasort), rc = 0;

	if (n < 0) {
		if (errno == ENOENT)
			sp_fail(err, SP_E_NOT_FOUND, 0, "there is no directory %s of language definitions; name it with --languages-dir",
			        dir);
		else
			sp_fail(err, SP_E_IO, errno, "languages.dir %s", dir);
		return NULL;
	}
	struct sp_languages *ls = sp_new(struct sp_languages);
	ls->list = sp_calloc((size_t)n + 1, sizeof(*ls->list));
	if (n == 0)
		rc = sp_fail(err, SP_E_NOT_FOUND, 0,
		        "languages.dir %s has no *.yaml; name the directory of the definitions with --languages-dir", dir);
	if (n > LANGUAGES_MAX) rc = sp_fail(err, SP_E_LIMIT, 0, "languages.dir %s has more than %d languages", dir, LANGUAGES_MAX);
	for (int i = 0; i < n; i++) {
		if (rc == 0) rc = load_one(dir, entries[i]->d_name, ls, err);
		free(entries[i]);
	}
	free(entries);
	if (rc == 0) return ls;
	sp_languages_free(ls);
	return NULL;
}

void sp_languages_free(struct sp_languages *ls)
{
	if (!ls) return;
	for (size_t i = 0; i < ls->n; i++) language_fini(&ls->list[i]);
	free(ls->list);
	free(ls);
}
