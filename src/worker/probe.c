/* SPDX-License-Identifier: MIT */
/*
 * Which languages this evaluator has, and in which version: each one's version command is run in a container, as a program would be, so that what is found is what programs will
 * find. Slots share the work.
 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/result.h"
#include "worker/internal.h"
#include "worker/run.h"

#define WALL_MS 10000
#define MEMORY_BYTES (INT64_C(512) << 20)
#define FILES_BYTES (INT64_C(16) << 20)
#define OUTPUT_BYTES (INT64_C(64) << 10)
#define TRIES 5
#define RETRY_MS 200

/* Takes the version out of what was printed; false when the pattern is not in it. */
static bool find_version(const struct sp_language *l, const char *printed, struct sp_language_state *st)
{
	regex_t re;
	regmatch_t m[2];
	bool found = false;

	int rc = regcomp(&re, l->version_pattern, REG_EXTENDED | REG_NEWLINE);
	if (rc == REG_ESPACE) sp_out_of_memory();
	if (rc) return false;
	/* It says of all that fails that there is no match. */
	errno = 0;
	rc = regexec(&re, printed, 2, m, 0);
	if (rc && errno == ENOMEM) sp_out_of_memory();
	if (rc == 0 && m[1].rm_so >= 0 && m[1].rm_eo > m[1].rm_so) {
		snprintf(st->version, sizeof(st->version), "%.*s", (int)(m[1].rm_eo - m[1].rm_so), printed + m[1].rm_so);
		/* It is shown in JSON. */
		found = sp_utf8_valid(st->version, strlen(st->version));
	}
	regfree(&re);
	return found;
}

static void judge(const struct sp_language *l, const struct sp_step_result *r, const struct sp_output *out, struct sp_language_state *st)
{
	const char *command = l->version_command[0];

	if (r->killed_by == SP_KILLED_WALL || r->killed_by == SP_KILLED_CPU)
		snprintf(st->why, sizeof(st->why), "%.60s did not tell its version within %d ms", command, WALL_MS);
	else if (r->signaled)
		snprintf(st->why, sizeof(st->why), "%.60s was ended by %s when asked for its version", command, sp_signal_name(r->code));
	else if (r->code)
		snprintf(st->why, sizeof(st->why), "%.60s ended with exit code %d when asked for its version", command, r->code);
	else if (!find_version(l, out->bytes.data ? out->bytes.data : "", st))
		snprintf(st->why, sizeof(st->why), "what %.60s printed has no version in it (pattern %.60s)", command, l->version_pattern);
	else
		st->available = true;
}

int sp_probe_language(struct sp_runtime *rt, int slot, const struct sp_language *l, struct sp_language_state *st, struct sp_err *err)
{
	struct sp_workspace ws = {.root = l->root, .files_bytes = FILES_BYTES};
	struct sp_output out;
	struct sp_step_result r = {0};
	char **env = sp_language_env(l, NULL);
	struct sp_step step = {.argv = (const char *const *)l->version_command,
	        .env = (const char *const *)env,
	        .cwd = "/box",
	        .limits = {.wall_ms = WALL_MS,
	                .cpu_ms = WALL_MS,
	                .memory_bytes = l->memory_min_bytes > MEMORY_BYTES ? l->memory_min_bytes : MEMORY_BYTES,
	                .processes = 64 + l->processes_extra,
	                .open_files = 256,
	                .files_bytes = FILES_BYTES,
	                .output_bytes = OUTPUT_BYTES},
	        .on_output = sp_output_add,
	        .cls = &out};

	sp_output_init(&out, OUTPUT_BYTES);
	int rc = sp_runtime_begin(rt, slot, &ws, err);
	if (rc == 0) rc = sp_runtime_step(rt, slot, &step, &r, err);
	if (rc == 0 && (out.bytes.failed || out.segments.failed)) rc = sp_fail(err, SP_E_UNAVAILABLE, ENOMEM, "keep what it prints");
	if (rc == 0) judge(l, &r, &out, st);
	sp_runtime_end(rt, slot);
	sp_output_fini(&out);
	sp_argv_free(env);
	return rc;
}

static void probe(struct sp_worker_slot *slot, size_t i)
{
	struct sp_worker *w = slot->w;
	const struct sp_language *l = &w->parts.languages->list[i];
	struct sp_language_state st = {.available = false};
	struct sp_err err = {0};
	int rc = -1;

	for (int k = 0; k < TRIES; k++) {
		st = (struct sp_language_state){.available = false};
		rc = sp_probe_language(w->parts.runtime, slot->index, l, &st, &err);
		/* Only a runtime that was lost for a moment is worth another try. */
		if (rc == 0 || err.code != SP_E_UNAVAILABLE || !sp_worker_pause(w, RETRY_MS, &w->draining)) break;
	}
	if (rc) snprintf(st.why, sizeof(st.why), "%.*s", (int)sizeof(st.why) - 1, err.msg);
	if (st.available)
		sp_log_info("worker", "language found", SP_S("language", l->id), SP_S("language_version", st.version));
	else
		sp_log_warn("worker", "language not available", SP_S("language", l->id), SP_S("error", st.why));
	pthread_mutex_lock(&w->lock);
	w->languages[i] = st;
	pthread_mutex_unlock(&w->lock);
}

bool sp_worker_probe(struct sp_worker_slot *slot)
{
	struct sp_worker *w = slot->w;
	size_t n = w->parts.languages->n;

	pthread_mutex_lock(&w->lock);
	while (!w->draining && w->next_probe < n) {
		size_t i = w->next_probe++;
		slot->in_runtime = true;
		pthread_mutex_unlock(&w->lock);
		probe(slot, i);
		pthread_mutex_lock(&w->lock);
		slot->in_runtime = false;
		w->probed++;
		pthread_cond_broadcast(&w->changed);
	}
	while (!w->draining && w->probed < n) pthread_cond_wait(&w->changed, &w->lock);
	slot->stop = SP_STOP_NOT;
	bool go_on = !w->draining;
	pthread_mutex_unlock(&w->lock);
	return go_on;
}
