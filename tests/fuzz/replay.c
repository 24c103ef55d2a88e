/* SPDX-License-Identifier: MIT */
/*
 * Runs a target without libFuzzer: every file that is named, or that is in a directory that is named, and some beginnings of each, since most that goes wrong with bytes from outside goes wrong
 * where they end. The first file is always the empty one. usage: replay_<target> FILE|DIRECTORY…     Output: TAP.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define FILE_MAX (4u << 20)
#define BEGINNINGS 16

extern int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned done;

static void run(const char *name, const uint8_t *p, size_t n)
{
	/* Before the input: the last line is what the process ended with. */
	fprintf(stderr, "%s, %zu bytes\n", name, n);
	void *copy = fz_exact(p, n);
	FZ_CHECK(LLVMFuzzerTestOneInput(copy, n) == 0);
	free(copy);
}

static void run_file(const char *path)
{
	struct sp_buf b;
	struct sp_err err;

	sp_buf_init(&b, FILE_MAX);
	if (sp_read_file(path, FILE_MAX, &b, &err)) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
	const uint8_t *p = (const uint8_t *)b.data;
	for (size_t i = 1, last = 0; i < BEGINNINGS; i++) {
		size_t n = b.len * i / BEGINNINGS;
		if (n != last) run(path, p, n);
		last = n;
	}
	run(path, p, b.len);
	sp_buf_fini(&b);
	const char *slash = strrchr(path, '/');
	printf("ok %u - %s\n", ++done, slash ? slash + 1 : path);
	fflush(stdout);
}

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static void run_directory(const char *path)
{
	struct dirent **list = NULL;
	int n = scandir(path, &list, visible, alphasort);

	if (n <= 0) {
		printf("Bail out! %s has no seeds\n", path);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		sp_autofree char *file = sp_asprintf("%s/%s", path, list[i]->d_name);
		run_file(file);
		free(list[i]);
	}
	free(list);
}

int main(int argc, char **argv)
{
	struct stat st;

	if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv)) return 1;
	run("nothing", (const uint8_t *)"", 0);
	printf("ok %u - nothing\n", ++done);
	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			run_directory(argv[i]);
		else
			run_file(argv[i]);
	}
	printf("1..%u\n", done);
	return 0;
}
