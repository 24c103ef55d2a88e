/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cmd.h"

struct command {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
        {"serve", sp_cmd_serve, "API and evaluator in one process: the whole service"},
        {"eval", sp_cmd_eval, "run a file through a server"},
        {"run", sp_cmd_run, "run a file in a container, without a server"},
        {"user", sp_cmd_user, "make, show and delete users; the first administrator, too"},
        {"key", sp_cmd_key, "make, show and revoke API keys"},
        {"languages", sp_cmd_languages, "list the languages that are defined"},
        {"doctor", sp_cmd_doctor, "say what this host offers and lacks, and how to mend it"},
        {"config", sp_cmd_config, "print every setting, its value and where that comes from"},
        {"migrate", sp_cmd_migrate, "bring the store's schema to this version"},
};

static void usage(FILE *f)
{
	fputs("serapis " SERAPIS_VERSION ": runs other people's programs in isolated containers and says what happened\n\n"
	      "usage: serapis COMMAND [OPTIONS]\n\n",
	        f);
	for (size_t i = 0; i < SP_COUNT(commands); i++) fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\n'serapis COMMAND --help' explains a command; 'serapis --version' prints the version.\n", f);
}

int main(int argc, char **argv)
{
	/* A reader that leaves (a client, a pager) must be an error of that write, not the end of the process. */
	signal(SIGPIPE, SIG_IGN);
	/* No place that builds JSON looks whether each of its pieces came to be: an answer, a stored request or a result with a part missing would be wrong. */
	json_set_alloc_funcs(sp_alloc, free);
	if (argc < 2) {
		usage(stderr);
		return SP_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return SP_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
		puts("serapis " SERAPIS_VERSION);
		return SP_EXIT_OK;
	}
	for (size_t i = 0; i < SP_COUNT(commands); i++)
		if (!strcmp(argv[1], commands[i].name)) return commands[i].fn(argc - 1, argv + 1);
	sp_cmd_complain("no command '%s'", argv[1]);
	usage(stderr);
	return SP_EXIT_USAGE;
}
