/* SPDX-License-Identifier: MIT */
#include "core_support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* A file with this text; its path is good until the next call. */
static const char *file_with(const char *text)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/serapis-config-%ld.yaml", (long)getpid());
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return path;
}

static struct sp_config_row row(const struct sp_config *c, const char *key)
{
	struct sp_config_row r;
	for (size_t i = 0; sp_config_row(c, i, &r); i++) {
		if (strcmp(r.key, key) == 0) return r;
		free(r.value);
	}
	fail_msg("no row %s", key);
	return r;
}

static void assert_row(const struct sp_config *c, const char *key, const char *value, enum sp_origin origin)
{
	struct sp_config_row r = row(c, key);
	if (strcmp(r.value, value) || r.origin != origin) fail_msg("%s is %s (%d), wanted %s (%d)", key, r.value, r.origin, value, origin);
	free(r.value);
}

static void defaults(void **state)
{
	struct sp_config c;

	load_defaults(&c);
	assert_string_equal(c.broker, "embedded");
	assert_string_equal(c.runtime, "native");
	assert_string_equal(c.http_listen, "127.0.0.1:8080");
	assert_string_equal(c.log_level, "info");
	assert_int_equal(c.http_sync_wait_max_ms, 50000);
	assert_int_equal(c.http_body_max_bytes, 8 << 20);
	assert_int_equal(c.queue_max_waiting, 50000);
	assert_string_equal(c.auth_signup, "admin");
	assert_int_equal(c.retention_rows_ms, INT64_C(30) * 86400000);
	assert_int_equal(c.retention_data_ms, INT64_C(7) * 86400000);
	assert_int_equal(c.idempotency_keep_ms, 86400000);
	assert_int_equal(c.lease_ms, 15000);
	assert_int_equal(c.lease_renew_ms, 5000);
	assert_int_equal(c.max_lost, 3);
	assert_int_equal(c.janitor_ms, 5000);
	assert_int_equal(c.limits_max.run.wall_ms, 60000);
	assert_int_equal(c.limits_max.run.memory_bytes, INT64_C(2) << 30);
	assert_int_equal(c.limits_max.compile_wall_ms, 120000);
	assert_int_equal(c.bounds.files, 256);
	assert_int_equal(c.bounds.env_bytes, 32768);
	sp_config_fini(&c);
}

static void every_default_is_what_its_row_says(void **state)
{
	struct sp_config c;
	struct sp_config_row r;
	size_t n = 0;

	load_defaults(&c);
	for (size_t i = 0; sp_config_row(&c, i, &r); i++, n++) {
		assert_int_equal(r.origin, SP_ORIGIN_DEFAULT);
		if (*r.dflt && strcmp(r.value, r.dflt)) fail_msg("%s: %s, but the row says %s", r.key, r.value, r.dflt);
		assert_true(*r.help && *r.kind);
		free(r.value);
	}
	assert_true(n > 40);
	sp_config_fini(&c);
	/* Also of a configuration that was never loaded: for --help. */
	struct sp_config none = {0};
	for (size_t i = 0; sp_config_row(&none, i, &r); i++) free(r.value);
}

static void origins(void **state)
{
	struct sp_config c;
	struct sp_err err = {0};
	char *env[] = {(char *)(uintptr_t) "PATH=/bin", (char *)(uintptr_t) "SERAPIS_SLOTS=3",
	        (char *)(uintptr_t) "SERAPIS_HTTP_LISTEN=0.0.0.0:2", (char *)(uintptr_t) "SERAPIS_LOG_LEVEL=debug", NULL};
	struct sp_setting flags[] = {{"http.listen", "[::1]:3"}};
	const char *file = file_with("slots: 2\nlog: {level: warn, format: json}\nhttp:\n  listen: 127.0.0.1:1\nlimits.max.wall_ms: "
	                             "30s\nlimits:\n  max:\n    cpu_ms: 20000\nuser: \"\"\n");

	if (sp_config_load(&c, file, env, flags, 1, &err)) fail_msg("%s", err.msg);
	assert_row(&c, "http.listen", "[::1]:3", SP_ORIGIN_FLAG);
	assert_row(&c, "slots", "3", SP_ORIGIN_ENV);
	assert_row(&c, "log.level", "debug", SP_ORIGIN_ENV);
	assert_row(&c, "log.format", "json", SP_ORIGIN_FILE);
	assert_row(&c, "limits.max.wall_ms", "30s", SP_ORIGIN_FILE);
	assert_row(&c, "limits.max.cpu_ms", "20s", SP_ORIGIN_FILE);
	assert_row(&c, "limits.max.memory_bytes", "2GiB", SP_ORIGIN_DEFAULT);
	sp_config_fini(&c);
	/* The file's name may come from the environment. */
	char named[128];
	snprintf(named, sizeof(named), "SERAPIS_CONFIG=%s", file);
	char *env2[] = {named, NULL};
	if (sp_config_load(&c, NULL, env2, NULL, 0, &err)) fail_msg("%s", err.msg);
	assert_row(&c, "slots", "2", SP_ORIGIN_FILE);
	sp_config_fini(&c);
	unlink(file);
}

static void refused_values(void **state)
{
	static const struct {
		const char *key, *value, *message;
	} rows[] = {
	        {"slots", "65", "slots (flag --slots): 65 is not between 0 and 64"},
	        {"slots", "-1", "\"-1\" is not a number"},
	        {"slots", "", "is not a number"},
	        {"slots", "1MiB", "is not a number"},
	        {"slots", "99999999999999999999", "is not a number"},
	        {"lease.duration", "15", "\"15\" is not a duration such as 15s"},
	        {"lease.duration", "1.5s", "duration"},
	        {"lease.duration", "11m", "lease.duration (flag --lease-duration): 11m is not between 1s and 10m"},
	        {"http.body_max", "8MB", "\"8MB\" is not a size such as 256MiB"},
	        {"http.body_max", "1GiB", "between 64KiB and 64MiB"},
	        {"limits.max.wall_ms", "26m", "between 1ms and 25m"},
	        {"limits.max.wall_ms", "x", "duration"},
	        {"log.level", "loud", "\"loud\" is not one of debug|info|warn|error"},
	        {"log.level", "", "is not one of"},
	        {"log.level", "deb", "is not one of"},
	        {"log.level", "debug|info", "is not one of"},
	        {"user", "\xff", "not UTF-8"},
	        {"http.sync_wait_max", "51s", "between 0s and 50s"},
	        {"http.lisen", "x", "http.lisen (command line): no such option; did you mean http.listen?"},
	        {"nonsense.at.all", "x", "no such option; serapis config lists them"},
	        /* combinations */
	        {"limits.default.wall_ms", "2m", "limits.default.wall_ms is 2m, over limits.max.wall_ms, which is 1m"},
	        {"limits.max.memory_bytes", "128MiB",
	                "limits.default.memory_bytes is 256MiB, over limits.max.memory_bytes, which is 128MiB"},
	        {"lease.renew", "8s", "over half of lease.duration"},
	        {"http.listen", "8080", "is not host:port"},
	        {"http.listen", "localhost:", "is not host:port"},
	        {"http.listen", "localhost:http", "is not host:port"},
	        {"http.listen", "localhost:65536", "is not host:port"},
	        {"http.metrics_listen", "9090", "http.metrics_listen: \"9090\" is not host:port"},
	        {"auth.signup", "yes", "\"yes\" is not one of open|admin|off"},
	        {"auth.rate_per_minute", "0", "between 1 and 10000000"},
	        {"retention.rows", "1w", "\"1w\" is not a duration such as 15s"},
	        {"retention.rows", "3651d", "between 1s and 3650d"},
	        {"retention.data", "31d", "retention.data is 31d, over retention.rows, which is 30d"},
	        {"retention.rows", "12h", "retention.data is 7d, over retention.rows, which is 12h"},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_config c;
		struct sp_err err = {0};
		struct sp_setting s = {rows[i].key, rows[i].value};
		if (sp_config_load(&c, "/dev/null", NULL, &s, 1, &err) == 0) fail_msg("accepted: %s=%s", rows[i].key, rows[i].value);
		assert_int_equal(err.code, SP_E_INVALID);
		assert_contains(err.msg, rows[i].message);
	}
}

static void accepted_values(void **state)
{
	static const struct {
		const char *key, *value, *shown;
	} rows[] = {
	        {"slots", "0", "0"},
	        {"slots", "64", "64"},
	        {"lease.duration", "90s", "90s"},
	        {"drain.delay", "0s", "0s"},
	        {"drain.timeout", "1h", "1h"},
	        {"limits.max.wall_ms", "60000", "1m"},
	        {"limits.max.wall_ms", "61500", "61500ms"},
	        {"http.body_max", "65536", "64KiB"},
	        {"http.body_max", "65537", "65537B"},
	        {"log.format", "json", "json"},
	        {"log.format", "text", "text"},
	        {"http.listen", "localhost:0", "localhost:0"},
	        {"user", "nobody", "nobody"},
	        {"http.metrics_listen", "127.0.0.1:9090", "127.0.0.1:9090"},
	        {"retention.rows", "3650d", "3650d"},
	        {"retention.rows", "192h", "8d"},
	        {"idempotency.keep", "30d", "30d"},
	        {"idempotency.keep", "25h", "25h"},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_config c;
		struct sp_err err = {0};
		struct sp_setting s = {rows[i].key, rows[i].value};
		if (sp_config_load(&c, "/dev/null", NULL, &s, 1, &err)) fail_msg("%s", err.msg);
		assert_row(&c, rows[i].key, rows[i].shown, SP_ORIGIN_FLAG);
		sp_config_fini(&c);
	}
}

static void refused_files(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
	        {"slots: 2\nslotz: 3\n", "did you mean slots?"},
	        {"http:\n  listn: x\n", "http.listn (file "},
	        {"http:\n  listn: x\n", "did you mean http.listen?"},
	        {"http: {listen: \"a:1\"}\nhttp.listen: \"b:2\"\n", "http.listen (file /tmp/serapis-config-"},
	        {"http: {listen: \"a:1\"}\nhttp.listen: \"b:2\"\n", "given twice"},
	        {"slots: [1]\n", "a list is not expected"},
	        {"slots:\n", "has no value"},
	        {"slots: true\n", "\"true\" is not a number"},
	        {"- a\n", "must be a mapping"},
	        {"a: b: c\n", "configuration file /tmp/serapis-config-"},
	        {"user: \"a\\0b\"\n", "NUL"},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_config c;
		struct sp_err err = {0};
		if (sp_config_load(&c, file_with(rows[i].text), NULL, NULL, 0, &err) == 0) fail_msg("accepted: %s", rows[i].text);
		assert_contains(err.msg, rows[i].message);
	}
	struct sp_config c;
	struct sp_err err = {0};
	unlink(file_with(""));
	assert_int_equal(sp_config_load(&c, "/nonexistent/serapis.yaml", NULL, NULL, 0, &err), -1);
	assert_contains(err.msg, "/nonexistent/serapis.yaml");
	/* Comments alone are a file that says nothing. */
	const char *path = file_with("# nothing\n");
	if (sp_config_load(&c, path, NULL, NULL, 0, &err)) fail_msg("%s", err.msg);
	sp_config_fini(&c);
	unlink(path);
}

static void environment(void **state)
{
	struct sp_config c;
	struct sp_err err = {0};
	char *typo[] = {(char *)(uintptr_t) "SERAPIS_HTTP_LISTN=x:1", NULL};
	char *foreign[] = {(char *)(uintptr_t) "SERAPIS_PORT=tcp://10.0.0.1:80", (char *)(uintptr_t) "SERAPIS_SERVICE_HOST=10.0.0.1",
	        (char *)(uintptr_t) "SERAPIS_MUST_WORK=1", (char *)(uintptr_t) "SERAPIS_SERVICE_PORT_HTTP=80",
	        (char *)(uintptr_t) "SERAPISX=1", (char *)(uintptr_t) "SERAPIS_SLOTS", NULL};
	char *wrong[] = {(char *)(uintptr_t) "SERAPIS_SLOTS=many", NULL};
	char *units[] = {(char *)(uintptr_t) "SERAPIS_LIMITS_MAX_WALL_MS=30s", (char *)(uintptr_t) "SERAPIS_HTTP_PORT_FILE=/run/p", NULL};

	assert_int_equal(sp_config_load(&c, "/dev/null", typo, NULL, 0, &err), -1);
	assert_string_equal(err.msg, "environment SERAPIS_HTTP_LISTN: no such option; did you mean SERAPIS_HTTP_LISTEN?");
	if (sp_config_load(&c, "/dev/null", foreign, NULL, 0, &err)) fail_msg("%s", err.msg);
	assert_row(&c, "slots", "0", SP_ORIGIN_DEFAULT);
	sp_config_fini(&c);
	assert_int_equal(sp_config_load(&c, "/dev/null", wrong, NULL, 0, &err), -1);
	assert_string_equal(err.msg, "slots (environment SERAPIS_SLOTS): \"many\" is not a number");
	if (sp_config_load(&c, "/dev/null", units, NULL, 0, &err)) fail_msg("%s", err.msg);
	assert_row(&c, "limits.max.wall_ms", "30s", SP_ORIGIN_ENV);
	assert_row(&c, "http.port_file", "/run/p", SP_ORIGIN_ENV);
	sp_config_fini(&c);
}

/* One setting has a second, shorter variable. */
static void second_variable(void **state)
{
	struct sp_config c;
	struct sp_err err = {0};
	char *short_[] = {(char *)(uintptr_t) "SERAPIS_ADMIN_KEY_FILE=/run/key", NULL};
	char *long_[] = {(char *)(uintptr_t) "SERAPIS_AUTH_ADMIN_KEY_FILE=/run/key", NULL};
	char *both[] = {(char *)(uintptr_t) "SERAPIS_ADMIN_KEY_FILE=/a", (char *)(uintptr_t) "SERAPIS_AUTH_ADMIN_KEY_FILE=/b", NULL};
	char *typo[] = {(char *)(uintptr_t) "SERAPIS_ADMINKEY_FILE=/a", NULL};

	if (sp_config_load(&c, "/dev/null", short_, NULL, 0, &err)) fail_msg("%s", err.msg);
	assert_row(&c, "auth.admin_key_file", "/run/key", SP_ORIGIN_ENV);
	sp_config_fini(&c);
	if (sp_config_load(&c, "/dev/null", long_, NULL, 0, &err)) fail_msg("%s", err.msg);
	assert_row(&c, "auth.admin_key_file", "/run/key", SP_ORIGIN_ENV);
	sp_config_fini(&c);
	assert_int_equal(sp_config_load(&c, "/dev/null", both, NULL, 0, &err), -1);
	assert_contains(err.msg, "SERAPIS_AUTH_ADMIN_KEY_FILE and SERAPIS_ADMIN_KEY_FILE mean the same setting");
	assert_int_equal(sp_config_load(&c, "/dev/null", typo, NULL, 0, &err), -1);
	assert_contains(err.msg, "did you mean SERAPIS_ADMIN_KEY_FILE?");
}

/* Flags and variables are made from keys, so no two keys may make the same; and no option may look like a misspelling of another's variable. */
static void names_are_unique(void **state)
{
	struct sp_config none = {0};
	struct sp_config_row a, b;

	for (size_t i = 0; sp_config_row(&none, i, &a); i++) {
		char flag[80];
		snprintf(flag, sizeof(flag), "--%s", a.key);
		for (char *p = flag; *p; p++)
			if (*p == '.' || *p == '_') *p = '-';
		assert_string_equal(sp_config_flag_key(flag), a.key);
		for (size_t k = i + 1; sp_config_row(&none, k, &b); k++) {
			assert_string_not_equal(a.key, b.key);
			free(b.value);
		}
		free(a.value);
	}
	assert_null(sp_config_flag_key("--nonsense"));
	assert_null(sp_config_flag_key("http-listen"));
	assert_null(sp_config_flag_key("--http-liste"));
	assert_null(sp_config_flag_key("--http-listenx"));
	assert_null(sp_config_flag_key("--"));
}

static void places(void **state)
{
	struct sp_config c;
	struct sp_err err = {0};
	char *env[] = {(char *)(uintptr_t) "XDG_STATE_HOME=/state", (char *)(uintptr_t) "HOME=/home/u", NULL},
	     *env2[] = {(char *)(uintptr_t) "HOME=/home/u", NULL};

	if (sp_config_load(&c, "/dev/null", env, NULL, 0, &err)) fail_msg("%s", err.msg);
	assert_string_equal(c.store, geteuid() == 0 ? "sqlite:/var/lib/serapis/serapis.db" : "sqlite:/state/serapis/serapis.db");
	/* This test is run from the build directory: the source tree's definitions. */
	assert_int_equal(access(c.languages_dir, R_OK), 0);
	struct sp_languages *ls = sp_languages_load(c.languages_dir, &err);
	if (!ls) fail_msg("%s", err.msg);
	assert_non_null(sp_languages_find(ls, "node"));
	sp_languages_free(ls);
	sp_config_fini(&c);
	if (sp_config_load(&c, "/dev/null", env2, NULL, 0, &err)) fail_msg("%s", err.msg);
	assert_string_equal(
	        c.store, geteuid() == 0 ? "sqlite:/var/lib/serapis/serapis.db" : "sqlite:/home/u/.local/state/serapis/serapis.db");
	sp_config_fini(&c);
}

/* ---- reload ---- */

struct told {
	char text[2048];
};

static void tell(void *cls, const struct sp_config_change *c)
{
	struct told *t = cls;
	size_t n = strlen(t->text);
	snprintf(t->text + n, sizeof(t->text) - n, "%s: %s -> %s%s\n", c->key, c->from, c->to, c->applied ? "" : " (start)");
}

static void reload_takes_what_it_can(void **state)
{
	struct sp_config c;
	struct sp_err err = {0};
	struct told t = {""};
	struct sp_setting flags[] = {{"queue.max_waiting", "7"}};
	const char *file = file_with("limits: {max: {wall_ms: 30s}}\nlog.level: warn\nslots: 2\nqueue.max_waiting: 5\n");

	if (sp_config_load(&c, file, NULL, flags, 1, &err)) fail_msg("%s", err.msg);
	const struct sp_config *before = sp_config_hold(&c);
	assert_ptr_equal(before, &c);
	file_with("limits: {max: {wall_ms: 40s}}\nslots: 3\nqueue.max_waiting: 6\nrequest.files_max: 9\nstore: \"x://u:secret@h/d\"\n");
	if (sp_config_reload(&c, file, NULL, flags, 1, tell, &t, &err)) fail_msg("%s", err.msg);
	/* In the order of the table. The flag stands over the file, so that key has not changed. */
	char want[512];
	snprintf(want, sizeof(want),
	        "store: %s -> x://u:***@h/d (start)\nslots: 2 -> 3 (start)\nlog.level: warn -> info\nlimits.max.wall_ms: 30s -> 40s\n"
	        "request.files_max: 256 -> 9\n",
	        c.store);
	assert_string_equal(t.text, want);

	const struct sp_config *now = sp_config_hold(&c);
	assert_int_equal(now->limits_max.run.wall_ms, 40000);
	assert_int_equal(now->bounds.files, 9);
	assert_int_equal(now->slots, 2);
	assert_int_equal(now->queue_max_waiting, 7);
	assert_string_equal(now->store, c.store);
	assert_string_equal(now->log_level, "info");
	assert_row(now, "limits.max.wall_ms", "40s", SP_ORIGIN_FILE);
	assert_row(now, "slots", "2", SP_ORIGIN_FILE);
	assert_row(now, "log.level", "info", SP_ORIGIN_DEFAULT);
	/* What was held before, and the first, are as they were. */
	assert_int_equal(before->limits_max.run.wall_ms, 30000);
	assert_int_equal(c.bounds.files, 256);
	sp_config_drop(before);

	/* The next one is compared with the newest; what could not be applied is told again. */
	t.text[0] = '\0';
	file_with("limits: {max: {wall_ms: 40s}}\nslots: 3\n");
	if (sp_config_reload(&c, file, NULL, flags, 1, tell, &t, &err)) fail_msg("%s", err.msg);
	assert_string_equal(t.text, "slots: 2 -> 3 (start)\nrequest.files_max: 9 -> 256\n");
	assert_int_equal(now->bounds.files, 9);
	const struct sp_config *newest = sp_config_hold(now);
	assert_int_equal(newest->bounds.files, 256);
	sp_config_drop(newest);
	sp_config_drop(now);
	sp_config_fini(&c);
	unlink(file);
}

static void reload_refuses_as_a_whole(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
	        {"request.files_max: 9\nslotz: 1\n", "did you mean slots?"},
	        {"request.files_max: 9\nslots: 65\n", "between 0 and 64"},
	        {"request.files_max: 9\nlimits.max.wall_ms: 1s\n", "limits.default.wall_ms is 15s, over limits.max.wall_ms, which is 1s"},
	        {"request.files_max: 9\nlease.renew: 10s\n", "over half of lease.duration"},
	        {"request.files_max: [\n", "configuration file"},
	};
	struct sp_config c;
	struct told t = {""};
	struct sp_err err = {0};
	const char *file = file_with("request.files_max: 8\n");

	if (sp_config_load(&c, file, NULL, NULL, 0, &err)) fail_msg("%s", err.msg);
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		err = (struct sp_err){0};
		file_with(rows[i].text);
		assert_int_equal(sp_config_reload(&c, file, NULL, NULL, 0, tell, &t, &err), -1);
		assert_contains(err.msg, rows[i].message);
		assert_string_equal(t.text, "");
		const struct sp_config *now = sp_config_hold(&c);
		assert_int_equal(now->bounds.files, 8);
		sp_config_drop(now);
	}
	unlink(file);
	assert_int_equal(sp_config_reload(&c, file, NULL, NULL, 0, tell, &t, &err), -1);
	sp_config_fini(&c);
}

struct readers {
	const struct sp_config *c;
	atomic_bool end;
};

static void *hold_and_drop(void *cls)
{
	struct readers *r = cls;

	while (!atomic_load(&r->end)) {
		sp_autoconfig const struct sp_config *now = sp_config_hold(r->c);
		/* Both are from one file, whichever it was. */
		if (now->bounds.files != now->bounds.env || strcmp(now->auth_signup, now->bounds.env == 5 ? "open" : "admin") != 0) abort();
	}
	return NULL;
}

static void readers_see_one_file(void **state)
{
	struct sp_config c;
	struct told t = {""};
	struct sp_err err = {0};
	pthread_t threads[3];
	const char *file = file_with("request: {files_max: 4, env_max: 4}\n");

	if (sp_config_load(&c, file, NULL, NULL, 0, &err)) fail_msg("%s", err.msg);
	struct readers r = {.c = &c};
	for (size_t i = 0; i < SP_COUNT(threads); i++) assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, &r), 0);
	for (int i = 0; i < 200; i++) {
		file_with(i % 2 ? "request: {files_max: 4, env_max: 4}\n" : "request: {files_max: 5, env_max: 5}\nauth.signup: open\n");
		t.text[0] = '\0';
		if (sp_config_reload(&c, file, NULL, NULL, 0, tell, &t, &err)) fail_msg("%s", err.msg);
	}
	atomic_store(&r.end, true);
	for (size_t i = 0; i < SP_COUNT(threads); i++) pthread_join(threads[i], NULL);
	sp_config_fini(&c);
	unlink(file);
}

static void passwords_in_urls_are_hidden(void **state)
{
	static const struct {
		const char *value, *shown;
	} rows[] = {
	        {"postgres://u:p@h/d", "postgres://u:***@h/d"},
	        {"postgres://u:p:q@r@h/d?x=y@z:1", "postgres://u:***@h/d?x=y@z:1"},
	        {"postgres://u@h:5432/d", "postgres://u@h:5432/d"},
	        {"postgres://h:5432/d", "postgres://h:5432/d"},
	        {"sqlite:/a:b@c", "sqlite:/a:b@c"},
	        {"amqps://:p@h", "amqps://:***@h"},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_config c;
		struct sp_err err = {0};
		struct sp_setting s = {"store", rows[i].value};
		if (sp_config_load(&c, "/dev/null", NULL, &s, 1, &err)) fail_msg("%s", err.msg);
		assert_string_equal(c.store, rows[i].value);
		assert_row(&c, "store", rows[i].shown, SP_ORIGIN_FLAG);
		sp_config_fini(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(defaults),
	        cmocka_unit_test(every_default_is_what_its_row_says),
	        cmocka_unit_test(origins),
	        cmocka_unit_test(refused_values),
	        cmocka_unit_test(accepted_values),
	        cmocka_unit_test(refused_files),
	        cmocka_unit_test(environment),
	        cmocka_unit_test(second_variable),
	        cmocka_unit_test(names_are_unique),
	        cmocka_unit_test(places),
	        cmocka_unit_test(reload_takes_what_it_can),
	        cmocka_unit_test(reload_refuses_as_a_whole),
	        cmocka_unit_test(readers_see_one_file),
	        cmocka_unit_test(passwords_in_urls_are_hidden),
	};
	return cmocka_run_group_tests_name("core_config", tests, NULL, NULL);
}
