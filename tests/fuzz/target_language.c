/* SPDX-License-Identifier: MIT */
/*
 * src/core/language_load.c. The input is the definition "fuzz.yaml", read from a directory of its own, beside a definition of another language.
 *
 * Holds: refused with a message that names the file, or a language that has all it must have, that is found by all its names and that gives an argv and an environment for a step.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/language.h"
#include "core/path.h"

static const char other[] =
        "id: other\nname: Other\naliases: [taken]\nsource: a\nrun: [o, \"{entry}\"]\nversion: {command: [o], pattern: \"(.)\"}\n";

static char dir[] = "/tmp/serapis-fuzz-XXXXXX";

static void put(const char *name, const void *p, size_t n)
{
	sp_autofree char *path = sp_asprintf("%s/%s", dir, name);
	sp_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FZ_CHECK(fd >= 0 && write(fd, p, n) == (ssize_t)n);
}

static void remove_dir(void)
{
	static const char *const names[] = {"fuzz.yaml", "other.yaml"};
	for (size_t i = 0; i < SP_COUNT(names); i++) {
		sp_autofree char *path = sp_asprintf("%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FZ_CHECK(mkdtemp(dir));
	atexit(remove_dir);
	put("other.yaml", other, sizeof other - 1);
	return 0;
}

static void check(const struct sp_languages *ls, const struct sp_language *l)
{
	FZ_CHECK(strcmp(l->id, "fuzz") == 0 && l->name[0] && strlen(l->name) <= 100 && l->root[0] && strlen(l->root) < 32);
	FZ_CHECK(!sp_path_fault(l->source, strlen(l->source)));
	FZ_CHECK(l->run[0] && l->version_command[0] && l->version_pattern);
	FZ_CHECK(!l->compile || l->compile[0]);
	FZ_CHECK(l->memory_min_bytes >= 0 && l->memory_min_bytes <= INT64_C(1) << 40 && l->processes_extra >= 0 &&
	         l->processes_extra <= 1024);
	for (char **a = l->aliases; *a; a++) FZ_CHECK(sp_languages_find(ls, *a) == l && strcmp(*a, "taken") != 0);
	for (char **e = l->env; *e; e++) FZ_CHECK((*e)[0] != '=' && strchr(*e, '=') && sp_utf8_valid(*e, strlen(*e)));

	char **argv =
	        sp_language_argv(l->run, (const char *const[]){"dir/{entry}", "dir/{sources}", NULL}, (const char *const[]){"x", NULL});
	size_t n = 0;
	while (argv[n]) n++;
	FZ_CHECK(n >= 2 && strcmp(argv[n - 1], "x") == 0);
	sp_argv_free(argv);
	char **env = sp_language_env(l, (const char *const[]){"PATH=/own", NULL});
	n = 0;
	for (char **e = env; *e; e++) n += strncmp(*e, "PATH=", 5) == 0;
	FZ_CHECK(n == 1);
	sp_argv_free(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_err err = {0};

	put("fuzz.yaml", data, size);
	struct sp_languages *ls = sp_languages_load(dir, &err);
	if (ls) {
		FZ_CHECK(ls->n == 2 && sp_languages_find(ls, "OTHER"));
		check(ls, sp_languages_find(ls, "Fuzz"));
		sp_languages_free(ls);
	} else {
		fz_check_message(err.msg);
		FZ_CHECK(strstr(err.msg, ".yaml"));
	}
	return 0;
}
