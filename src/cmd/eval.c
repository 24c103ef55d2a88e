/* SPDX-License-Identifier: MIT */
/* `serapis eval FILE`: sends a program to a server and behaves like the program: its output, its exit code. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/data.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/program.h"
#include "core/account.h"

#define ANSWER_MAX ((size_t)256 << 20)

struct client {
	CURL *curl;
	const char *server;
	char *authorization; /* header; NULL: no key. Owned */
};

static size_t receive(char *p, size_t size, size_t n, void *cls) { return sp_buf_add(cls, p, size * n) == 0 ? size * n : 0; }

/* One request. The HTTP status, with the answer's JSON in *answer (new reference, NULL if it is none); -1 with a message. */
static long call(struct client *c, const char *path, const char *body, json_t **answer)
{
	*answer = NULL;
	char why[CURL_ERROR_SIZE] = "";
	struct sp_buf got;
	sp_buf_init(&got, ANSWER_MAX);
	size_t n = strlen(c->server);
	while (n && c->server[n - 1] == '/') n--; /* paths begin with theirs */
	sp_autofree char *url = sp_asprintf("%.*s%s", (int)n, c->server, path);
	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	/* A sync answer comes within http.sync_wait_max (at most 50 s by default); anything much later means that nobody is there. */
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 120L);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &got);
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "serapis/" SERAPIS_VERSION);
	struct curl_slist *headers = NULL;
	if (c->authorization) headers = curl_slist_append(headers, c->authorization);
	if (body) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		headers = curl_slist_append(headers, "Expect:");
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	}
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	CURLcode rc = curl_easy_perform(c->curl);
	long status = -1;
	if (rc != CURLE_OK)
		sp_cmd_complain("%s: %s", url, why[0] ? why : curl_easy_strerror(rc));
	else
		curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	if (status > 0 && got.len) {
		enum sp_json_fault fault;
		*answer = sp_json_parse(got.data, got.len, &fault, NULL);
	}
	sp_buf_fini(&got);
	return status;
}

/* Prints the server's reasons for a refusal. */
static void complain_answer(long status, const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	sp_cmd_complain("the server answered %ld: %s", status, message ? message : "(no reason given)");
	size_t i;
	json_t *more;
	json_array_foreach(json_object_get(error, "more"), i, more)
	        sp_cmd_complain("  %s", json_string_value(json_object_get(more, "message")));
}

static int show(const json_t *evaluation, bool as_json)
{
	if (!as_json) return sp_program_show(evaluation);
	json_dumpf(evaluation, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	putchar('\n');
	return SP_EXIT_OK;
}

static bool ended(const json_t *evaluation)
{
	const char *s = json_string_value(json_object_get(evaluation, "status"));
	return s && strcmp(s, "created") != 0 && strcmp(s, "evaluating") != 0;
}

/* The key: of a file, or of the environment; never of the command line, which everybody on the machine can read. */
static int take_key(struct client *c, const char *file)
{
	struct sp_err err = {0};
	char id[SP_KEY_ID_LEN];
	unsigned char hash[SP_KEY_HASH_BYTES];
	char text[SP_KEY_TEXT_LEN + 2] = "";
	const char *key = getenv("SERAPIS_KEY");

	if (file) {
		if (sp_key_read_file(file, id, hash, &err) < 0) {
			sp_cmd_complain("%s", err.msg);
			return -1;
		}
		FILE *f = fopen(file, "re");
		key = f ? fgets(text, sizeof(text), f) : NULL;
		if (f) fclose(f);
	}
	if (!key || !*key) return 0;
	size_t n = strcspn(key, "\r\n");
	if (!sp_key_parse(key, n, id, hash)) {
		sp_cmd_complain("%s holds no API key (srp_<id>_<secret>)", file ? file : "SERAPIS_KEY");
		return -1;
	}
	c->authorization = sp_asprintf("Authorization: Bearer %.*s", (int)n, key);
	sp_secret_wipe(text, sizeof(text));
	return 0;
}

/* A line that is written over, for people who wait; only they have a terminal. */
static void show_progress(const json_t *evaluation, int64_t since_ns, bool over)
{
	const char *status = json_string_value(json_object_get(evaluation, "status"));

	if (!isatty(STDERR_FILENO)) return;
	if (over)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\r%s %lld s\033[K", status && !strcmp(status, "created") ? "waits" : "runs",
		        (long long)((sp_mono_ns() - since_ns) / SP_NS_PER_S));
}

static int evaluate(struct client *c, struct sp_program *p, bool as_json, bool async)
{
	/* base64 carries the program's bytes as they are; people who ask for JSON want to read it. */
	const char *query = as_json ? "" : "encoding=base64";
	sp_autofree char *language = curl_easy_escape(c->curl, p->language, 0);
	sp_autofree char *path = sp_asprintf("/v1/eval/%s?%s", language, query);
	json_t *answer;
	int64_t since = sp_mono_ns();
	/* With a terminal the first wait is short, so that there is soon something to see. */
	if (!async && isatty(STDERR_FILENO)) json_object_set_new(p->body, "wait_ms", json_integer(1000));
	sp_autofree char *body = json_dumps(p->body, JSON_COMPACT);
	long status = call(c, path, body, &answer);
	while (status == 202 && !async && !ended(answer)) {
		const char *id = json_string_value(json_object_get(answer, "id"));
		show_progress(answer, since, false);
		sp_autofree char *next = sp_asprintf("/v1/evaluations/%s?wait_ms=%d%s%s", id ? id : "",
		        isatty(STDERR_FILENO) ? 1000 : 20000, query[0] ? "&" : "", query);
		json_decref(answer);
		status = call(c, next, NULL, &answer);
		if (status == 200 && !ended(answer)) status = 202;
	}
	show_progress(NULL, since, true);
	int rc = SP_EXIT_OURS;
	if (status == 200)
		rc = show(answer, as_json);
	else if (status == 202) {
		const char *id = json_string_value(json_object_get(answer, "id"));
		if (as_json)
			(void)show(answer, true);
		else
			puts(id ? id : "");
		rc = SP_EXIT_OK;
	} else if (status > 0)
		complain_answer(status, answer);
	json_decref(answer);
	return rc;
}

static void help(void)
{
	sp_cmd_print_help(stdout,
	        "usage: serapis eval [--server URL] [--async] [--json] [OPTIONS] FILE... [-- ARGS...]\n\n"
	        "Runs a program through a server and behaves like it: its output, its exit code (128 + n for signal n, 124 for a timeout, "
	        "125 when it could not be run).\n\n" SP_PROGRAM_HELP
	        "  --server URL       default: $SERAPIS_SERVER or http://127.0.0.1:8080\n"
	        "  --key-file FILE    file with the API key; default: $SERAPIS_KEY\n"
	        "  --reference TEXT   your own id for the evaluation\n"
	        "  --async            print the evaluation's id and do not wait\n"
	        "  --json             print the evaluation object instead of behaving like the program");
}

int sp_cmd_eval(int argc, char **argv)
{
	struct client c = {.server = getenv("SERAPIS_SERVER")};
	bool as_json = false, async = false;
	const char *key_file = NULL, *reference = NULL;
	struct sp_program p;
	sp_program_init(&p);
	int rc = SP_EXIT_USAGE;
	for (int i = 1; i < argc; i++) {
		int got;
		if (!strcmp(argv[i], "--help")) {
			help();
			rc = SP_EXIT_OK;
			goto out;
		}
		if (!strcmp(argv[i], "--json"))
			as_json = true;
		else if (!strcmp(argv[i], "--async"))
			async = true;
		else if ((got = sp_cmd_take_value(argc, argv, &i, "--server", &c.server)) != 0 ||
		         (got = sp_cmd_take_value(argc, argv, &i, "--key-file", &key_file)) != 0 ||
		         (got = sp_cmd_take_value(argc, argv, &i, "--reference", &reference)) != 0) {
			if (got < 0) goto out;
		} else if ((got = sp_program_take(&p, argc, argv, &i)) <= 0) {
			if (got == 0) sp_cmd_complain("eval: unknown argument '%s'", argv[i]);
			goto out;
		}
	}
	if (sp_program_finish(&p) < 0) goto out;
	if (take_key(&c, key_file) < 0) goto out;
	if (reference && json_object_set_new(p.body, "reference", json_string(reference)) < 0) {
		sp_cmd_complain("--reference: the value is not UTF-8");
		goto out;
	}
	if (async) json_object_set_new(p.body, "async", json_true());
	if (!c.server || !c.server[0]) c.server = "http://127.0.0.1:8080";
	curl_global_init(CURL_GLOBAL_DEFAULT);
	c.curl = curl_easy_init();
	SP_BUG_ON(!c.curl);
	rc = evaluate(&c, &p, as_json, async);
	curl_easy_cleanup(c.curl);
	curl_global_cleanup();
out:
	free(c.authorization);
	sp_program_fini(&p);
	return rc;
}
