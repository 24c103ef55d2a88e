/* SPDX-License-Identifier: MIT */
/*
 * An evaluation's request: parsed and checked from a POST body by the API, stored in a normalised JSON form (version 1: recipe for changes in request.c), read
 * back from that form by the worker.
 */
#ifndef SP_CORE_REQUEST_H
#define SP_CORE_REQUEST_H

#include <jansson.h>

#include "core/config.h"
#include "core/language.h"
#include "core/problem.h"
#include "store/record.h"

struct sp_request_file {
	char *path;
	struct sp_bytes content;
};

struct sp_request {
	const struct sp_language *language; /* borrowed from the registry */
	struct sp_request_file *files; /* `code` is files[] too, under the entry's name */
	size_t nfiles;
	char *entry; /* path of the main file */
	bool has_stdin;
	struct sp_bytes stdin_;
	char **args; /* NULL-terminated */
	char **env; /* NAME=value, NULL-terminated */
	struct sp_eval_limits limits; /* defaults filled in */
	bool has_expected;
	struct sp_bytes expected_output;
	bool compare_exact;
	bool merge_output;
	char *reference; /* NULL: none */
	enum sp_class class_;
	int32_t max_runs; /* its program is begun so often at most; 0: no bound of its own. Stored with the row */
	/* how to answer; not stored */
	bool async;
	int64_t wait_ms;
};

/* Checks a parsed body against every rule and bound and fills *out; all problems of the body at once. true when there was none. body is borrowed. out must be freed with sp_request_fini in either case. */
bool sp_request_parse(json_t *body, const struct sp_language *language, const struct sp_config *cfg, struct sp_request *out,
        struct sp_problems *problems);
/* The stored form; free with free(). */
char *sp_request_encode(const struct sp_request *r, size_t *len);
/* From the stored form. SP_E_NOT_FOUND when its language is not in the registry, SP_E_INTERNAL when it is no stored form of a version that we know. */
int sp_request_decode(const char *p, size_t n, const char *language, const struct sp_languages *ls, struct sp_request *out,
        struct sp_err *err) SP_MUSTCHECK;
void sp_request_fini(struct sp_request *r);

#endif
