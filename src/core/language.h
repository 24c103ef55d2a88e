/* SPDX-License-Identifier: MIT */
/*
 * Languages are data: one share/languages/<id>.yaml each. Loaded once at start, immutable afterwards, shared by all threads.
 *
 *     id: node                        # [a-z0-9][a-z0-9+#-]{0,30}; also the file's name
 *     name: Node.js
 *     aliases: [js, nodejs]
 *     source: main.js                 # name of the file that `code` becomes, and the default entry
 *     root: host                      # a root of the box's policy
 *     compile: [gcc, -O2, -o, .build/program, "{sources}"]   # optional; argv, never a shell line
 *     sources: [.c]                   # what {sources} becomes: the entry, then the request's other files that end so. Default: the ending of `source`
 *     run: [node, "{entry}"]          # argv; {entry} and {directory} are replaced inside an element, the request's args follow
 *     version: {command: [node, --version], pattern: "v([0-9.]+)"}   # POSIX extended, group 1 is the version
 *     package: nodejs                 # Debian packages that bring it, for people who lack it
 *     env: {NODE_ENV: production}     # on top of the base environment
 *     memory_min: 64MiB               # a request below it is refused by name
 *     processes_extra: 12             # threads that the runtime itself starts, on top of limits.processes
 */
#ifndef SP_CORE_LANGUAGE_H
#define SP_CORE_LANGUAGE_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct sp_language {
	char *id, *name, *source, *root;
	char **aliases; /* NULL-terminated, may be empty */
	char **compile; /* NULL: no compile step */
	char **sources; /* endings, NULL-terminated; empty when `source` has none and nothing is said */
	char **run;
	char **version_command;
	char *version_pattern;
	char *package; /* "" when the definition does not say */
	char **env; /* NAME=value */
	int64_t memory_min_bytes;
	int64_t processes_extra;
};

struct sp_languages {
	struct sp_language *list;
	size_t n;
};

/* Reads every *.yaml of the directory. NULL + err naming file and line for anything wrong: unknown key, missing key, id twice, alias twice. Free with sp_languages_free. */
struct sp_languages *sp_languages_load(const char *dir, struct sp_err *err) SP_MUSTCHECK;
void sp_languages_free(struct sp_languages *ls);
/* By id or alias, case-insensitive. NULL when unknown. */
const struct sp_language *sp_languages_find(const struct sp_languages *ls, const char *name);
/* Nearest id or alias for an error message, or NULL. */
const char *sp_languages_nearest(const struct sp_languages *ls, const char *name);

/* At most so many files may {sources} name, and so many bytes may their names have together: what a command line may be (box/protocol.h), with room for the rest of it. */
#define SP_LANGUAGE_SOURCES_MAX 900
#define SP_LANGUAGE_SOURCES_BYTES_MAX (256 << 10)
/* Whether its compiler is given several files, and whether this one is among them by its name. */
bool sp_language_takes_sources(const struct sp_language *l);
bool sp_language_is_source(const struct sp_language *l, const char *path);

/* argv of a step: the template with {entry}, {directory} (of the entry: "./", "./lib") and {sources} replaced, then args (may be NULL). sources: paths, the entry first; NULL-terminated.
 * A path that a program could take for an option ("-x") or a list ("@x") gets "./" in front. The result is NULL-terminated; free with sp_argv_free. */
char **sp_language_argv(char *const *tmpl, const char *const *sources, const char *const *args);
/* The whole environment of a step: fixed base (PATH, HOME=/box, LANG=C.UTF-8, TMPDIR=/tmp), the language's, then the request's (later wins). Free with sp_argv_free. */
char **sp_language_env(const struct sp_language *l, const char *const *extra);
/* The same for the compiler: a PATH of the request is its program's, and the definition's is by what a compiler finds the rest of itself. */
char **sp_language_compile_env(const struct sp_language *l, const char *const *extra);
/* Where the first words of its commands are looked up: PATH of the definition, whatever the request's says. Valid as long as l. */
const char *sp_language_path(const struct sp_language *l);
void sp_argv_free(char **v);

/* What an evaluator found out about a language by running it in a container; filled by the worker, read by the API. */
struct sp_language_state {
	bool available;
	char version[64];
	char why[200]; /* why not available, for people */
};

#endif
