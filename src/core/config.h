/* SPDX-License-Identifier: MIT */
/*
 * Configuration: flag > environment > file > default. One row of the table in config.c per option: key, kind, default, bounds, whether a reload may change
 * it, one line of help. `http.listen` is --http-listen, SERAPIS_HTTP_LISTEN, and `http: {listen: …}` or `http.listen: …` in the YAML file. Durations are
 * written 15s, sizes 256MiB; a key whose name ends in its unit (limits.max.wall_ms, as the API names it) also takes a bare number. An unknown key is
 * refused with the nearest name; of unknown SERAPIS_ variables only those that look like a misspelt key, since Kubernetes and others make
 * variables of that prefix by themselves (SERAPIS_PORT). Secrets come only from files.
 */
#ifndef SP_CORE_CONFIG_H
#define SP_CORE_CONFIG_H

#include "base/err.h"
#include "core/limits.h"

#define SP_CONFIG_ROWS_MAX 96

struct sp_config {
	/* texts are owned by the configuration */
	char *store, *broker, *runtime; /* URLs; design.md section 1 */
	char *languages_dir; /* default: share/serapis/languages beside the program, or the source tree's when run from a build directory */
	char *box_path, *box_policy; /* "" = default */
	char *user; /* after start-up become this user when started as root; "" = stay */
	char *log_level, *log_format; /* debug|info|warn|error; auto|json|text */
	char *http_listen; /* host:port; port 0 picks a free one */
	char *http_port_file; /* the real port is written here once the server accepts; "" = no */
	char *http_metrics_listen; /* host:port of a listener for /metrics alone; "" = none */
	char *http_trusted_proxies, *http_cors_origins; /* lists with commas; "" = none */
	char *auth_signup; /* open|admin|off */
	char *auth_admin_key_file; /* "" = none */
	char *evaluator_id; /* "" = host name and pid */
	int64_t http_sync_wait_max_ms, http_body_max_bytes, http_connections_max, http_memory_max_bytes, http_request_deadline_ms,
	        http_threads;
	int64_t auth_rate_per_minute, auth_max_waiting, auth_max_running; /* of a key that has none of its own */
	int64_t slots; /* 0: one a core */
	int64_t queue_max_waiting, queue_memory_ids;
	int64_t retention_rows_ms, retention_data_ms, idempotency_keep_ms;
	int64_t lease_ms, lease_renew_ms, max_lost, janitor_ms;
	int64_t drain_delay_ms, drain_timeout_ms;
	struct sp_eval_limits limits_default, limits_max;
	struct sp_bounds bounds;
	unsigned char _origin[SP_CONFIG_ROWS_MAX]; /* enum sp_origin of each row */
	struct sp_config_live *_live; /* what sp_config_load made, and what reloads made of it */
	int _refs; /* of a reloaded one; under the live's lock */
};

enum sp_origin { SP_ORIGIN_DEFAULT, SP_ORIGIN_FILE, SP_ORIGIN_ENV, SP_ORIGIN_FLAG };

/* One "key=value" from a flag. */
struct sp_setting {
	const char *key, *value;
};

/* file: NULL = SERAPIS_CONFIG, else /etc/serapis/serapis.yaml if it exists. environ: as environ(7), NULL = none. Values are checked whatever their origin; err names key, value, bounds and origin.
 * Also refuses combinations that cannot work (a default limit over its maximum). */
int sp_config_load(struct sp_config *c, const char *file, char **environ_, const struct sp_setting *flags, size_t nflags,
        struct sp_err *err) SP_MUSTCHECK;
void sp_config_fini(struct sp_config *c); /* of sp_config_load, when nobody holds any of it */

/*
 * Reload. A configuration never changes under its readers: a reload makes another one beside it. What is marked as reloadable in the table is therefore read from the newest, which is held for
 * the time of one request or one round and then dropped; everything else from the one that the service was started with. Any thread; neither blocks.
 *
 *     sp_autoconfig const struct sp_config *now = sp_config_hold(parts->config);
 */
const struct sp_config *sp_config_hold(const struct sp_config *c); /* c: of sp_config_load, or one that is held */
void sp_config_drop(const struct sp_config *c); /* NULL is fine */
static inline void sp_cleanup_config(const struct sp_config **c) { sp_config_drop(*c); }
#define sp_autoconfig __attribute__((cleanup(sp_cleanup_config)))

struct sp_config_change {
	const char *key;
	const char *from, *to; /* as people write them; passwords in URLs hidden */
	bool applied; /* false: read at start only, so the old value stays in force */
};
/* Reads everything again from the same places and makes it the newest; tell is called for each value that differs from the newest before. When anything is wrong: -1, nothing has changed and
 * nothing was told. c: of sp_config_load. One call at a time. */
int sp_config_reload(const struct sp_config *c, const char *file, char **environ_, const struct sp_setting *flags, size_t nflags,
        void (*tell)(void *cls, const struct sp_config_change *change), void *cls, struct sp_err *err) SP_MUSTCHECK;

/* For `serapis config` and --help: the rows in order. Returns false past the end. *value is formatted as people write it, passwords in URLs hidden; free with free(). */
struct sp_config_row {
	const char *key, *kind, *dflt, *help;
	const char *choices; /* "a|b|c", or NULL */
	const char *env; /* a second variable that sets it, or NULL */
	char *value;
	char min[24], max[24]; /* of numbers, durations and sizes, as people write them; else "" */
	enum sp_origin origin;
	bool reload; /* SIGHUP may change it */
};
bool sp_config_row(const struct sp_config *c, size_t i, struct sp_config_row *out);
/* "http.port_file" → "--http-port-file", "SERAPIS_HTTP_PORT_FILE" */
#define SP_CONFIG_NAME_MAX 64
void sp_config_flag_name(const char *key, char out[SP_CONFIG_NAME_MAX]);
void sp_config_env_name(const char *key, char out[SP_CONFIG_NAME_MAX]);
/* Maps "--http-listen" → "http.listen"; NULL if it is no option. */
const char *sp_config_flag_key(const char *flag);

#endif
