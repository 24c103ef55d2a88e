/* SPDX-License-Identifier: MIT */
#include "cmd/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "core/result.h"

/* More than any server takes; keeps a mistaken argument (a disk image) from filling the memory. */
#define FILE_MAX ((size_t)64 << 20)

void sp_program_init(struct sp_program *p) { *p = (struct sp_program){.body = json_object()}; }
void sp_program_fini(struct sp_program *p) { json_decref(p->body); }

/* Text as it is when JSON can carry it, else base64 with the encoding named beside it. */
static void set_bytes(json_t *to, const char *key, const char *encoding_key, const struct sp_buf *b)
{
	const char *data = b->data ? b->data : "";
	if (sp_utf8_valid(data, b->len) && !memchr(data, '\0', b->len)) {
		json_object_set_new(to, key, json_stringn(data, b->len));
		return;
	}
	struct sp_buf enc;
	sp_buf_init(&enc, 2 * FILE_MAX);
	if (sp_base64_add(&enc, data, b->len) == 0) {
		json_object_set_new(to, key, json_stringn(enc.data, enc.len));
		json_object_set_new(to, encoding_key, json_string("base64"));
	}
	sp_buf_fini(&enc);
}

static json_t *member(json_t *body, const char *key, json_t *(*make)(void))
{
	json_t *v = json_object_get(body, key);
	if (!v) {
		v = make();
		json_object_set_new(body, key, v);
	}
	return v;
}

static int add_file(struct sp_program *p, const char *path)
{
	struct sp_buf b;
	struct sp_err err = {0};
	sp_buf_init(&b, FILE_MAX);
	if (sp_read_file(path, FILE_MAX, &b, &err) < 0) {
		sp_cmd_complain("%s", err.msg);
		sp_buf_fini(&b);
		return -1;
	}
	const char *slash = strrchr(path, '/');
	/* A relative path below the working directory keeps its place in the tree; anything else is known by its last name. */
	const char *name = path[0] == '/' || strstr(path, "..") ? (slash ? slash + 1 : path) : path;
	while (!strncmp(name, "./", 2)) name += 2;

	json_t *files = member(p->body, "files", json_array);
	json_t *f = json_object();
	if (json_object_set_new(f, "path", json_string(name)) < 0) {
		sp_cmd_complain("the name of a file is not UTF-8: %s", path);
		json_decref(f);
		sp_buf_fini(&b);
		return -1;
	}
	set_bytes(f, "content", "encoding", &b);
	json_array_append_new(files, f);
	if (json_array_size(files) == 1) {
		json_object_set_new(p->body, "entry", json_string(name));
		const char *dot = strrchr(name, '.');
		if (!p->language && dot && dot[1]) p->language = dot + 1;
	}
	sp_buf_fini(&b);
	return 1;
}

static int add_stdin(struct sp_program *p, const char *path)
{
	struct sp_buf b;
	struct sp_err err = {0};
	sp_buf_init(&b, FILE_MAX);
	int rc = sp_read_file(!strcmp(path, "-") ? "/dev/stdin" : path, FILE_MAX, &b, &err);
	if (rc < 0)
		sp_cmd_complain("%s", err.msg);
	else
		set_bytes(p->body, "stdin", "stdin_encoding", &b);
	sp_buf_fini(&b);
	return rc < 0 ? -1 : 1;
}

/* NAME=VALUE into an object member of the body. */
static int add_pair(struct sp_program *p, const char *option, const char *key, const char *pair, bool number)
{
	const char *eq = strchr(pair, '=');
	if (!eq || eq == pair) {
		sp_cmd_complain("%s needs NAME=VALUE, not '%s'", option, pair);
		return -1;
	}
	json_t *v;
	if (number) {
		char *end;
		errno = 0;
		long long n = strtoll(eq + 1, &end, 10);
		if (*end || end == eq + 1 || errno) {
			sp_cmd_complain("%s %.*s needs a number, not '%s'", option, (int)(eq - pair), pair, eq + 1);
			return -1;
		}
		v = json_integer(n);
	} else {
		v = json_string(eq + 1);
		if (!v) {
			sp_cmd_complain("%s: the value is not UTF-8", option);
			return -1;
		}
	}
	sp_autofree char *name = sp_asprintf("%.*s", (int)(eq - pair), pair);
	if (json_object_set_new(member(p->body, key, json_object), name, v) < 0) {
		sp_cmd_complain("%s: the name is not UTF-8", option);
		return -1;
	}
	return 1;
}

int sp_program_take(struct sp_program *p, int argc, char **argv, int *i)
{
	const char *v = NULL;
	int got;
	if (!strcmp(argv[*i], "--")) {
		json_t *args = member(p->body, "args", json_array);
		while (++*i < argc) {
			json_t *s = json_string(argv[*i]);
			if (!s) {
				sp_cmd_complain("argument %d is not UTF-8", *i);
				return -1;
			}
			json_array_append_new(args, s);
		}
		return 1;
	}
	if (!strcmp(argv[*i], "--merge-output")) {
		json_object_set_new(p->body, "merge_output", json_true());
		return 1;
	}
	if ((got = sp_cmd_take_value(argc, argv, i, "--language", &v)) != 0) {
		p->language = v;
		return got;
	}
	if ((got = sp_cmd_take_value(argc, argv, i, "--stdin", &v)) != 0) return got < 0 ? -1 : add_stdin(p, v);
	if ((got = sp_cmd_take_value(argc, argv, i, "--env", &v)) != 0) return got < 0 ? -1 : add_pair(p, "--env", "env", v, false);
	if ((got = sp_cmd_take_value(argc, argv, i, "--limit", &v)) != 0) return got < 0 ? -1 : add_pair(p, "--limit", "limits", v, true);
	if (argv[*i][0] != '-' || !argv[*i][1]) return add_file(p, argv[*i]);
	return 0;
}

int sp_program_finish(struct sp_program *p)
{
	if (!json_object_get(p->body, "files")) {
		sp_cmd_complain("no file to run");
		return -1;
	}
	if (!p->language) {
		sp_cmd_complain("the first file has no extension that tells the language: name it with --language");
		return -1;
	}
	return 0;
}

static void put(const json_t *evaluation, const char *key, FILE *to)
{
	const json_t *v = json_object_get(evaluation, key);
	if (!json_is_string(v)) return;
	struct sp_buf b;
	sp_buf_init(&b, FILE_MAX);
	if (sp_base64_decode(&b, json_string_value(v), json_string_length(v)) == 0 && b.len) fwrite(b.data, 1, b.len, to);
	sp_buf_fini(&b);
	fflush(to);
}

int sp_program_show(const json_t *e)
{
	const char *status = json_string_value(json_object_get(e, "status"));
	const char *verdict = json_string_value(json_object_get(e, "verdict"));
	const char *stage = json_string_value(json_object_get(e, "stage"));
	const json_t *reason = json_object_get(e, "reason");
	const json_t *code = json_object_get(e, "exit_code");

	bool compiled_only = stage && !strcmp(stage, "compile");
	put(e, "stdout", compiled_only ? stderr : stdout);
	put(e, "stderr", stderr);
	/* A nonzero exit is told by our own exit code; all else needs a word. */
	if (json_is_object(reason) && (!verdict || strcmp(verdict, "nonzero_exit") != 0))
		sp_cmd_complain("%s: %s", verdict ? verdict : status, json_string_value(json_object_get(reason, "message")));
	size_t i;
	json_t *t;
	json_array_foreach(json_object_get(e, "truncated"), i, t)
	        sp_cmd_complain("%s was longer than the limit and is cut", json_string_value(t));

	if (!status || !strcmp(status, "failed") || !strcmp(status, "canceled")) return SP_EXIT_OURS;
	if (!strcmp(status, "timeout")) return SP_EXIT_TIMEOUT;
	if (json_is_integer(code)) return (int)json_integer_value(code);
	/* As a shell tells it. */
	const char *name = json_string_value(json_object_get(e, "signal"));
	for (int sig = 1; name && sig <= SIGRTMAX; sig++)
		if (!strcmp(name, sp_signal_name(sig))) return 128 + sig;
	return SP_EXIT_OURS;
}
