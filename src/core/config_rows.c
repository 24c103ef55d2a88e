/* SPDX-License-Identifier: MIT */
/* The table of options, and what depends on the host. */
#include "core/config_rows.h"

#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define S INT64_C(1000)
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define AT(field) offsetof(struct sp_config, field)
/* Whether SIGHUP may change a value: what is read once, when the service starts, or whenever it is needed (sp_config_hold). */
#define START false
#define RELOAD true
#define TEXT(k, d, f, r, h) \
	{ \
		.key = (k), .kind = SP_KIND_TEXT, .dflt = (d), .offset = AT(f), .reload = (r), .help = (h) \
	}
#define CHOICE(k, d, f, c, r, h) \
	{ \
		.key = (k), .kind = SP_KIND_CHOICE, .dflt = (d), .offset = AT(f), .choices = (c), .reload = (r), .help = (h) \
	}
#define NUM(kd, k, d, f, lo, hi, r, h) \
	{ \
		.key = (k), .kind = (kd), .dflt = (d), .offset = AT(f), .min = (lo), .max = (hi), .reload = (r), .help = (h) \
	}
#define NUMBER(k, d, f, lo, hi, r, h) NUM(SP_KIND_NUMBER, k, d, f, lo, hi, r, h)
#define DURATION(k, d, f, lo, hi, r, h) NUM(SP_KIND_DURATION, k, d, f, lo, hi, r, h)
#define BYTES(k, d, f, lo, hi, r, h) NUM(SP_KIND_BYTES, k, d, f, lo, hi, r, h)

/* A limit has its default and its maximum; what no request may fall below is request.c's. */
#define LIMIT(kd, name, field, dd, dm, lo, hi, what) \
	NUM(kd, "limits.default." name, dd, limits_default.field, lo, hi, RELOAD, what ", when a request does not say"), \
	        NUM(kd, "limits.max." name, dm, limits_max.field, lo, hi, RELOAD, what ", at most")

const struct sp_option sp_options[] = {
        TEXT("store", NULL, store, START, "where evaluations are kept: sqlite:/path/serapis.db"),
        TEXT("broker", "embedded", broker, START, "what carries ids from API to evaluators: embedded"),
        TEXT("runtime", "native", runtime, START, "what runs programs: native"),
        NUMBER("slots", "0", slots, 0, 64, START, "programs that run at the same time; 0: one a core"),
        TEXT("user", "", user, START, "user to become after start when started as root; empty: stay"),

        TEXT("languages.dir", NULL, languages_dir, START, "directory of the language definitions (*.yaml)"),
        TEXT("box.path", "", box_path, START, "the program serapis-box; empty: beside this one, then PATH"),
        TEXT("box.policy", "", box_policy, START, "policy file of serapis-box; empty: its own default"),

        CHOICE("log.level", "info", log_level, "debug|info|warn|error", RELOAD, "least level that is logged"),
        CHOICE("log.format", "auto", log_format, "auto|json|text", START, "auto: text on a terminal, else JSON lines"),

        TEXT("http.listen", "127.0.0.1:8080", http_listen, START, "address and port of the API; port 0: any free one"),
        TEXT("http.port_file", "", http_port_file, START, "the real port is written to this file once the API accepts; empty: no"),
        DURATION("http.sync_wait_max", "50s", http_sync_wait_max_ms, 0, 50 * S, RELOAD,
                "longest that a synchronous request waits for its result"),
        BYTES("http.body_max", "8MiB", http_body_max_bytes, 64 * KIB, 64 * MIB, START, "largest request body"),
        BYTES("http.memory_max", "256MiB", http_memory_max_bytes, MIB, 1024 * GIB, START,
                "bodies of requests and answers on their way together, at most; a quarter is for those of up to 64 KiB"),
        NUMBER("http.connections_max", "8192", http_connections_max, 1, 100000, START, "open connections at most"),
        DURATION("http.request_deadline", "30s", http_request_deadline_ms, 1 * S, 10 * M, START, "a request must have arrived after this"),
        NUMBER("http.threads", "2", http_threads, 1, 64, START, "threads that serve connections"),

        TEXT("http.metrics_listen", "", http_metrics_listen, START,
                "address and port of /metrics alone, for anybody who reaches it; empty: on the API's, as its rules say"),
        TEXT("http.trusted_proxies", "", http_trusted_proxies, START,
                "addresses and networks, with commas, whose X-Forwarded-For is believed: 10.0.0.0/8, ::1"),
        TEXT("http.cors_origins", "", http_cors_origins, START, "origins, with commas, whose pages may use the API: https://example.org"),

        CHOICE("auth.signup", "admin", auth_signup, "open|admin|off", RELOAD,
                "who may make users: anybody, administrators, nobody through the API"),
        {.key = "auth.admin_key_file",
                .kind = SP_KIND_TEXT,
                .dflt = "",
                .offset = AT(auth_admin_key_file),
                .env = "SERAPIS_ADMIN_KEY_FILE",
                .help = "file with the key of the first administrator; empty: none"},
        NUMBER("auth.rate_per_minute", "6000", auth_rate_per_minute, 1, 10000000, RELOAD,
                "requests a minute of a key that has no rate of its own"),
        NUMBER("auth.max_waiting", "10000", auth_max_waiting, 1, 10000000, RELOAD,
                "evaluations that may wait, of a key that has no bound of its own"),
        NUMBER("auth.max_running", "64", auth_max_running, 1, 100000, RELOAD,
                "evaluations that may run at the same time, of a key that has no bound of its own"),

        DURATION("retention.rows", "30d", retention_rows_ms, 1 * S, 3650 * D, RELOAD, "how long an evaluation is kept after its end"),
        DURATION("retention.data", "7d", retention_data_ms, 1 * S, 3650 * D, RELOAD, "how long its code and output are kept after its end"),
        DURATION("idempotency.keep", "1d", idempotency_keep_ms, 1 * S, 30 * D, RELOAD, "how long an Idempotency-Key is remembered"),

        TEXT("evaluator.id", "", evaluator_id, START, "name of this evaluator; empty: host name and process id"),
        NUMBER("queue.max_waiting", "50000", queue_max_waiting, 1, 10000000, RELOAD,
                "evaluations that may wait; more are refused with queue_full"),
        NUMBER("queue.memory_ids", "10000", queue_memory_ids, 16, 1000000, START,
                "ids that the embedded broker holds in memory, for each class"),
        DURATION("lease.duration", "15s", lease_ms, 1 * S, 10 * M, START,
                "an evaluator that is silent for this long has lost its evaluations"),
        DURATION("lease.renew", "5s", lease_renew_ms, 100, 5 * M, START, "how often leases are renewed and cancels are noticed"),
        NUMBER("lease.max_lost", "3", max_lost, 1, 100, START, "after so many lost leases an evaluation is failed"),
        DURATION("janitor.interval", "5s", janitor_ms, 100, 5 * M, START, "how often the store is searched for what no queue knows of"),
        DURATION("drain.delay", "5s", drain_delay_ms, 0, 5 * M, RELOAD, "on SIGTERM, how long /readyz says no before listening ends"),
        DURATION("drain.timeout", "1m", drain_timeout_ms, 0, 1 * H, RELOAD, "on SIGTERM, how long what runs may go on"),

        LIMIT(SP_KIND_DURATION, "wall_ms", run.wall_ms, "15s", "1m", 1, 25 * M, "wall time of a program"),
        LIMIT(SP_KIND_DURATION, "cpu_ms", run.cpu_ms, "10s", "1m", 1, 25 * M, "CPU time of a program"),
        LIMIT(SP_KIND_BYTES, "memory_bytes", run.memory_bytes, "256MiB", "2GiB", MIB, 1024 * GIB, "memory of a program"),
        LIMIT(SP_KIND_NUMBER, "processes", run.processes, "64", "512", 1, 32768, "processes and threads of a program"),
        LIMIT(SP_KIND_NUMBER, "open_files", run.open_files, "256", "4096", 4, 1048576, "open files of a process"),
        LIMIT(SP_KIND_BYTES, "files_bytes", run.files_bytes, "64MiB", "512MiB", 64 * KIB, 64 * GIB, "bytes in files that a program writes"),
        LIMIT(SP_KIND_BYTES, "output_bytes", run.output_bytes, "1MiB", "4MiB", 1, 64 * MIB,
                "bytes that are kept of each of stdout and stderr"),
        LIMIT(SP_KIND_DURATION, "compile_wall_ms", compile_wall_ms, "30s", "2m", 1, 25 * M, "wall time of the compiler"),

        BYTES("request.code_max", "1MiB", bounds.code_bytes, 1, 64 * MIB, RELOAD, "largest code of a request"),
        NUMBER("request.files_max", "256", bounds.files, 1, 4096, RELOAD, "files of a request"),
        BYTES("request.decoded_max", "6MiB", bounds.decoded_bytes, 1, 64 * MIB, RELOAD,
                "code and all files of a request together, decoded"),
        BYTES("request.stdin_max", "4MiB", bounds.stdin_bytes, 1, 64 * MIB, RELOAD, "largest stdin of a request"),
        BYTES("request.expected_max", "4MiB", bounds.expected_bytes, 1, 64 * MIB, RELOAD, "largest expected_output of a request"),
        NUMBER("request.args_max", "256", bounds.args, 1, 900, RELOAD, "arguments of a request"),
        BYTES("request.args_bytes_max", "64KiB", bounds.args_bytes, 1, 128 * KIB, RELOAD, "all arguments of a request together"),
        NUMBER("request.env_max", "64", bounds.env, 1, 200, RELOAD, "environment variables of a request"),
        BYTES("request.env_bytes_max", "32KiB", bounds.env_bytes, 1, 128 * KIB, RELOAD, "all environment variables of a request together"),
};
const size_t sp_options_count = SP_COUNT(sp_options);
_Static_assert(SP_COUNT(sp_options) <= SP_CONFIG_ROWS_MAX, "struct sp_config must hold an origin for each row");

const char *sp_kind_name(enum sp_kind kind)
{
	static const char *const names[] = {[SP_KIND_TEXT] = "text",
	        [SP_KIND_CHOICE] = "choice",
	        [SP_KIND_NUMBER] = "number",
	        [SP_KIND_DURATION] = "duration",
	        [SP_KIND_BYTES] = "size"};
	return names[kind];
}

char *sp_option_format(enum sp_kind kind, int64_t v)
{
	static const struct {
		int64_t factor;
		const char *unit;
	} ms[] = {{D, "d"}, {H, "h"}, {M, "m"}, {S, "s"}, {1, "ms"}}, bytes[] = {{GIB, "GiB"}, {MIB, "MiB"}, {KIB, "KiB"}, {1, "B"}};

	if (kind == SP_KIND_NUMBER) return sp_asprintf("%" PRId64, v);
	if (v == 0) return sp_strdup(kind == SP_KIND_DURATION ? "0s" : "0B");
	for (size_t i = 0;; i++) {
		int64_t factor = kind == SP_KIND_DURATION ? ms[i].factor : bytes[i].factor;
		if (v % factor == 0) return sp_asprintf("%" PRId64 "%s", v / factor, kind == SP_KIND_DURATION ? ms[i].unit : bytes[i].unit);
	}
}

const char *sp_config_env(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') return *env + n + 1;
	return NULL;
}

char *sp_config_default_store(char *const *env)
{
	const char *state = sp_config_env(env, "XDG_STATE_HOME"), *home = sp_config_env(env, "HOME");

	if (geteuid() == 0) return sp_strdup("sqlite:/var/lib/serapis/serapis.db");
	if (state && state[0] == '/') return sp_asprintf("sqlite:%s/serapis/serapis.db", state);
	if (home && home[0] == '/') return sp_asprintf("sqlite:%s/.local/state/serapis/serapis.db", home);
	return sp_strdup("sqlite:serapis.db");
}

/* A program that is run from where it was built takes the definitions of its source tree, anything else those installed beside it. */
char *sp_config_default_languages_dir(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0) return sp_strdup("/usr/share/serapis/languages");
	self[n] = '\0';
#ifdef SERAPIS_BUILD_ROOT
	size_t root = strlen(SERAPIS_BUILD_ROOT);
	if (strncmp(self, SERAPIS_BUILD_ROOT, root) == 0 && self[root] == '/') return sp_strdup(SERAPIS_SOURCE_LANGUAGES);
#endif
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(self, '/');
		if (slash) *slash = '\0';
	}
	return sp_asprintf("%s/share/serapis/languages", self);
}
