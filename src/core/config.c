/* SPDX-License-Identifier: MIT */
#include "core/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/data.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config_rows.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define VALUE_LEN_MAX 4096
#define DEFAULT_FILE "/etc/serapis/serapis.yaml"
#define PREFIX "SERAPIS_"

/* The row's index, or -1. */
static int find(const char *key)
{
	for (size_t i = 0; i < sp_options_count; i++)
		if (strcmp(sp_options[i].key, key) == 0) return (int)i;
	return -1;
}

/* "http.port_file" → "SERAPIS_HTTP_PORT_FILE" */
void sp_config_env_name(const char *key, char out[SP_CONFIG_NAME_MAX])
{
	int n = snprintf(out, SP_CONFIG_NAME_MAX, PREFIX "%s", key);

	for (int i = 0; i < n && i < SP_CONFIG_NAME_MAX - 1; i++) {
		if (out[i] == '.')
			out[i] = '_';
		else if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
	}
}

void sp_config_flag_name(const char *key, char out[SP_CONFIG_NAME_MAX])
{
	snprintf(out, SP_CONFIG_NAME_MAX, "--%s", key);
	for (char *p = out; *p; p++)
		if (*p == '.' || *p == '_') *p = '-';
}

const char *sp_config_flag_key(const char *flag)
{
	if (strncmp(flag, "--", 2) != 0) return NULL;
	for (size_t i = 0; i < sp_options_count; i++) {
		const char *k = sp_options[i].key, *f = flag + 2;
		while (*k && (*k == '.' || *k == '_' ? *f == '-' : *f == *k)) k++, f++;
		if (!*k && !*f) return sp_options[i].key;
	}
	return NULL;
}

/* ---- one value ---- */

static bool in_choices(const char *choices, const char *v)
{
	size_t n = strcspn(v, "|");

	if (v[n]) return false;
	for (const char *p = choices; n; p = strchr(p, '|') + 1) {
		if (strncmp(p, v, n) == 0 && (p[n] == '|' || p[n] == '\0')) return true;
		if (!strchr(p, '|')) break;
	}
	return false;
}

static bool ends_in_unit(const char *key)
{
	size_t n = strlen(key);
	return n > 3 && strcmp(key + n - 3, "_ms") == 0;
}

static bool parse_number(const struct sp_option *o, const char *v, int64_t *out)
{
	bool digits = *v && v[strspn(v, "0123456789")] == '\0';

	/* A size without unit is bytes: the same digits, with the same check for overflow. */
	if (o->kind == SP_KIND_BYTES) return sp_parse_bytes(v, out);
	if (o->kind == SP_KIND_NUMBER || ends_in_unit(o->key)) {
		if (digits) return sp_parse_bytes(v, out);
		if (o->kind == SP_KIND_NUMBER) return false;
	}
	return sp_parse_duration_ms(v, out);
}

/* where: "flag --http-listen", for messages. */
static int set(struct sp_config *c, size_t i, const char *value, enum sp_origin origin, const char *where, struct sp_err *err)
{
	const struct sp_option *o = &sp_options[i];
	int64_t v;

	if (sp_option_is_text(&sp_options[i])) {
		if (strlen(value) > VALUE_LEN_MAX)
			return sp_fail(err, SP_E_INVALID, 0, "%s (%s): longer than %d bytes", o->key, where, VALUE_LEN_MAX);
		if (!sp_utf8_valid(value, strlen(value))) return sp_fail(err, SP_E_INVALID, 0, "%s (%s): not UTF-8", o->key, where);
		if (o->choices && !in_choices(o->choices, value))
			return sp_fail(err, SP_E_INVALID, 0, "%s (%s): \"%.60s\" is not one of %s", o->key, where, value, o->choices);
		free(*sp_option_text(c, &sp_options[i]));
		*sp_option_text(c, &sp_options[i]) = sp_strdup(value);
	} else {
		if (!parse_number(o, value, &v)) {
			const char *like = o->kind == SP_KIND_DURATION ? "a duration such as 15s"
			                   : o->kind == SP_KIND_BYTES  ? "a size such as 256MiB"
			                                               : "a number";
			return sp_fail(err, SP_E_INVALID, 0, "%s (%s): \"%.60s\" is not %s", o->key, where, value, like);
		}
		if (v < o->min || v > o->max) {
			sp_autofree char *lo = sp_option_format(o->kind, o->min);
			sp_autofree char *hi = sp_option_format(o->kind, o->max);
			return sp_fail(err, SP_E_INVALID, 0, "%s (%s): %.60s is not between %s and %s", o->key, where, value, lo, hi);
		}
		*sp_option_number(c, &sp_options[i]) = v;
	}
	c->_origin[i] = (unsigned char)origin;
	return 0;
}

static int unknown(const char *key, const char *where, struct sp_err *err)
{
	const char *keys[SP_CONFIG_ROWS_MAX];

	for (size_t i = 0; i < sp_options_count; i++) keys[i] = sp_options[i].key;
	const char *near = sp_nearest(key, keys, sp_options_count);
	if (near) return sp_fail(err, SP_E_INVALID, 0, "%.80s (%s): no such option; did you mean %s?", key, where, near);
	return sp_fail(err, SP_E_INVALID, 0, "%.80s (%s): no such option; serapis config lists them", key, where);
}

/* ---- file ---- */

struct file {
	struct sp_config *c;
	const char *where;
	bool seen[SP_CONFIG_ROWS_MAX];
	struct sp_err *err;
};

static int take_scalar(struct file *f, const char *key, json_t *v)
{
	char number[32];
	const char *text = number;
	int i = find(key);

	if (i < 0) return unknown(key, f->where, f->err);
	if (f->seen[i]) return sp_fail(f->err, SP_E_INVALID, 0, "%s (%s): given twice", key, f->where);
	f->seen[i] = true;
	if (json_is_integer(v))
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		text = json_is_true(v) ? "true" : "false";
	else if (json_is_string(v))
		text = json_string_value(v);
	else
		return sp_fail(f->err, SP_E_INVALID, 0, "%s (%s): has no value", key, f->where);
	if (json_is_string(v) && strlen(text) != json_string_length(v))
		return sp_fail(f->err, SP_E_INVALID, 0, "%s (%s): U+0000 in the value", key, f->where);
	return set(f->c, (size_t)i, text, SP_ORIGIN_FILE, f->where, f->err);
}

/* The depth is bounded by the YAML reader. */
static int take_mapping(struct file *f, const char *prefix, json_t *o)
{
	const char *name;
	json_t *v;

	json_object_foreach(o, name, v)
	{
		sp_autofree char *key = sp_asprintf("%s%s%s", prefix, *prefix ? "." : "", name);
		/* `http: {}` and `http:` say nothing, which is fine for a section. */
		if (json_is_object(v)) {
			if (take_mapping(f, key, v)) return -1;
		} else if (json_is_array(v)) {
			return sp_fail(f->err, SP_E_INVALID, 0, "%.80s (%s): a list is not expected here", key, f->where);
		} else if (take_scalar(f, key, v)) {
			return -1;
		}
	}
	return 0;
}

static int load_file(struct sp_config *c, const char *path, struct sp_err *err)
{
	struct sp_buf text;
	sp_autofree char *where = sp_asprintf("file %s", path);
	int rc = -1;

	sp_buf_init(&text, FILE_BYTES_MAX);
	if (sp_read_file(path, FILE_BYTES_MAX, &text, err)) {
		sp_wrap(err, "configuration");
	} else if (text.len == strspn(text.data, " \t\r\n")) {
		rc = 0;
	} else {
		json_t *top = sp_yaml_parse(text.data, text.len, err);
		struct file f = {.c = c, .where = where, .err = err};
		if (!top)
			sp_wrap(err, "configuration file %s", path);
		else if (json_is_null(top))
			rc = 0; /* nothing but comments */
		else if (!json_is_object(top))
			sp_fail(err, SP_E_INVALID, 0, "configuration file %s: must be a mapping of keys to values", path);
		else
			rc = take_mapping(&f, "", top);
		json_decref(top);
	}
	sp_buf_fini(&text);
	return rc;
}

/* ---- environment ---- */

static int load_env(struct sp_config *c, char *const *env, struct sp_err *err)
{
	const char *all[2 * SP_CONFIG_ROWS_MAX];
	size_t rows[2 * SP_CONFIG_ROWS_MAX], n = 0;
	char mine[SP_CONFIG_ROWS_MAX][SP_CONFIG_NAME_MAX];
	bool seen[SP_CONFIG_ROWS_MAX] = {false};

	for (size_t i = 0; i < sp_options_count; i++) {
		sp_config_env_name(sp_options[i].key, mine[i]);
		rows[n] = i;
		all[n++] = mine[i] + strlen(PREFIX);
		if (!sp_options[i].env) continue;
		rows[n] = i;
		all[n++] = sp_options[i].env + strlen(PREFIX);
	}
	for (; env && *env; env++) {
		size_t len = strcspn(*env, "=");
		if (strncmp(*env, PREFIX, strlen(PREFIX)) != 0 || (*env)[len] != '=' || len >= SP_CONFIG_NAME_MAX) continue;
		char name[SP_CONFIG_NAME_MAX], where[SP_CONFIG_NAME_MAX + 16];
		memcpy(name, *env, len);
		name[len] = '\0';
		if (strcmp(name, PREFIX "CONFIG") == 0) continue;
		snprintf(where, sizeof(where), "environment %s", name);
		const char *near = sp_nearest(name + strlen(PREFIX), all, n);
		if (!near) continue;
		if (strcmp(near, name + strlen(PREFIX)) != 0)
			return sp_fail(err, SP_E_INVALID, 0, "%s: no such option; did you mean " PREFIX "%s?", where, near);
		size_t at = 0;
		while (all[at] != near) at++;
		size_t i = rows[at];
		if (seen[i])
			return sp_fail(err, SP_E_INVALID, 0, "%s: %s%s and %s mean the same setting; set one of them", where, PREFIX,
			        mine[i] + strlen(PREFIX), sp_options[i].env);
		seen[i] = sp_options[i].env != NULL;
		if (set(c, i, *env + len + 1, SP_ORIGIN_ENV, where, err)) return -1;
	}
	return 0;
}

/* ---- all of it ---- */

static int over(struct sp_err *err, const char *name, int64_t dflt, int64_t max, enum sp_kind kind)
{
	sp_autofree char *d = sp_option_format(kind, dflt);
	sp_autofree char *m = sp_option_format(kind, max);
	return sp_fail(err, SP_E_INVALID, 0, "limits.default.%s is %s, over limits.max.%s, which is %s", name, d, name, m);
}

static int outlives(struct sp_err *err, const char *name, int64_t ms, int64_t rows_ms)
{
	sp_autofree char *v = sp_option_format(SP_KIND_DURATION, ms);
	sp_autofree char *rows = sp_option_format(SP_KIND_DURATION, rows_ms);
	return sp_fail(err, SP_E_INVALID, 0, "%s is %s, over retention.rows, which is %s", name, v, rows);
}

static bool is_address(const char *s)
{
	const char *colon = strrchr(s, ':');
	int64_t port;

	return colon && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")] && sp_parse_bytes(colon + 1, &port) && port <= 65535;
}

/* Every option alone is within its bounds; these are the combinations that cannot work. */
int sp_config_check(const struct sp_config *c, struct sp_err *err)
{
	static const char dflt[] = "limits.default.";

	for (size_t i = 0; i < sp_options_count; i++) {
		const struct sp_option *o = &sp_options[i];
		if (strncmp(o->key, dflt, sizeof(dflt) - 1) != 0) continue;
		/* The table has the maximum in the row after the default. */
		int64_t d = *(const int64_t *)(const void *)((const char *)c + o->offset);
		int64_t m = *(const int64_t *)(const void *)((const char *)c + sp_options[i + 1].offset);
		if (d > m) return over(err, o->key + sizeof(dflt) - 1, d, m, o->kind);
	}
	if (c->lease_renew_ms * 2 > c->lease_ms)
		return sp_fail(err, SP_E_INVALID, 0,
		        "lease.renew (%" PRId64 " ms) is over half of lease.duration (%" PRId64
		        " ms): one late renewal would lose every lease",
		        c->lease_renew_ms, c->lease_ms);
	if (!is_address(c->http_listen)) return sp_fail(err, SP_E_INVALID, 0, "http.listen: \"%.60s\" is not host:port", c->http_listen);
	if (*c->http_metrics_listen && !is_address(c->http_metrics_listen))
		return sp_fail(err, SP_E_INVALID, 0, "http.metrics_listen: \"%.60s\" is not host:port", c->http_metrics_listen);
	/* What an evaluation leaves behind goes before it does; and a key that is remembered names a row that is there. */
	if (c->retention_data_ms > c->retention_rows_ms) return outlives(err, "retention.data", c->retention_data_ms, c->retention_rows_ms);
	if (c->idempotency_keep_ms > c->retention_rows_ms)
		return outlives(err, "idempotency.keep", c->idempotency_keep_ms, c->retention_rows_ms);
	return 0;
}

static int load(struct sp_config *c, const char *file, char **env, const struct sp_setting *flags, size_t nflags, struct sp_err *err)
{
	for (size_t i = 0; i < sp_options_count; i++) {
		sp_autofree char *computed = NULL;
		if (sp_options[i].offset == offsetof(struct sp_config, store)) computed = sp_config_default_store(env);
		if (sp_options[i].offset == offsetof(struct sp_config, languages_dir)) computed = sp_config_default_languages_dir();
		if (set(c, i, computed ? computed : sp_options[i].dflt, SP_ORIGIN_DEFAULT, "default", err)) return -1;
	}

	const char *named = file ? file : sp_config_env(env, PREFIX "CONFIG");
	if (named && *named) {
		if (load_file(c, named, err)) return -1;
	} else if (access(DEFAULT_FILE, F_OK) == 0 || errno != ENOENT) {
		/* One that is there and cannot be read is an error: its settings were meant. */
		if (load_file(c, DEFAULT_FILE, err)) return -1;
	}
	if (load_env(c, env, err)) return -1;
	for (size_t k = 0; k < nflags; k++) {
		int i = find(flags[k].key);
		if (i < 0) return unknown(flags[k].key, "command line", err);
		char where[SP_CONFIG_NAME_MAX + 8] = "flag ";
		sp_config_flag_name(flags[k].key, where + strlen(where));
		if (set(c, (size_t)i, flags[k].value, SP_ORIGIN_FLAG, where, err)) return -1;
	}
	return sp_config_check(c, err);
}

void sp_config_free_texts(struct sp_config *c)
{
	for (size_t i = 0; i < sp_options_count; i++)
		if (sp_option_is_text(&sp_options[i])) free(*sp_option_text(c, &sp_options[i]));
}

int sp_config_load(
        struct sp_config *c, const char *file, char **environ_, const struct sp_setting *flags, size_t nflags, struct sp_err *err)
{
	*c = (struct sp_config){0};
	if (load(c, file, environ_, flags, nflags, err) < 0) {
		sp_config_fini(c);
		return -1;
	}
	sp_config_live_init(c);
	return 0;
}

void sp_config_fini(struct sp_config *c)
{
	sp_config_live_fini(c);
	sp_config_free_texts(c);
	*c = (struct sp_config){0};
}

char *sp_option_show(const struct sp_config *c, const struct sp_option *o)
{
	const char *at = (const char *)c + o->offset;

	if (!sp_option_is_text(o)) return sp_option_format(o->kind, *(const int64_t *)(const void *)at);
	const char *text = *(const char *const *)(const void *)at;
	if (!text) return sp_strdup("");
	/* scheme://user:password@host */
	const char *authority = strstr(text, "://");
	if (!authority) return sp_strdup(text);
	authority += 3;
	size_t n = strcspn(authority, "/?#");
	const char *at_sign = memrchr(authority, '@', n), *colon = at_sign ? memchr(authority, ':', (size_t)(at_sign - authority)) : NULL;
	if (!colon) return sp_strdup(text);
	return sp_asprintf("%.*s***%s", (int)(colon + 1 - text), text, at_sign);
}

bool sp_config_row(const struct sp_config *c, size_t i, struct sp_config_row *out)
{
	if (i >= sp_options_count) return false;
	const struct sp_option *o = &sp_options[i];

	*out = (struct sp_config_row){.key = o->key,
	        .kind = sp_kind_name(o->kind),
	        .dflt = o->dflt ? o->dflt : "",
	        .help = o->help,
	        .choices = o->choices,
	        .env = o->env,
	        .value = sp_option_show(c, o),
	        .origin = (enum sp_origin)c->_origin[i],
	        .reload = o->reload};
	if (!sp_option_is_text(o)) {
		sp_autofree char *lo = sp_option_format(o->kind, o->min);
		sp_autofree char *hi = sp_option_format(o->kind, o->max);
		snprintf(out->min, sizeof(out->min), "%s", lo);
		snprintf(out->max, sizeof(out->max), "%s", hi);
	}
	return true;
}
