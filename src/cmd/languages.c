/* SPDX-License-Identifier: MIT */
/* `serapis languages`: the definitions that this program would use. Which of them a host can run, and in which version, `serapis doctor` finds out by running them. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "core/language.h"

static json_t *language_json(const struct sp_language *l)
{
	json_t *aliases = json_array();

	for (size_t i = 0; l->aliases && l->aliases[i]; i++) json_array_append_new(aliases, json_string(l->aliases[i]));
	return json_pack("{s:s, s:s, s:o, s:s, s:b, s:s}", "id", l->id, "name", l->name, "aliases", aliases, "source", l->source,
	        "compiled", l->compile != NULL, "root", l->root);
}

static void print_line(const struct sp_language *l)
{
	printf("%-10s %-20s %-14s %-9s", l->id, l->name, l->source, l->compile ? "compiled" : "");
	for (size_t i = 0; l->aliases && l->aliases[i]; i++) printf("%s%s", i ? ", " : " also: ", l->aliases[i]);
	putchar('\n');
}

int sp_cmd_languages(int argc, char **argv)
{
	struct sp_cmd_settings settings = {0};
	struct sp_config cfg;
	struct sp_err err = {0};
	bool as_json = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			sp_cmd_print_help(stdout,
			        "usage: serapis languages [--json] [--config FILE] [SETTINGS]\n\n"
			        "Lists the language definitions that this program would use: id, name, name of the main file, other names. "
			        "Which of them this host can run, and in which version, is found out by 'serapis doctor', and told by "
			        "GET /v1/languages of a service.\n\n"
			        "  --json               as JSON, with whether it is compiled and its root\n"
			        "  --languages-dir DIR  where the definitions are; default: share/serapis/languages beside the program\n"
			        "  --config FILE        the configuration file\n"
			        "  SETTINGS             see 'serapis config --help'");
			return SP_EXIT_OK;
		}
		if (!strcmp(argv[i], "--json")) {
			as_json = true;
			continue;
		}
		int got = sp_cmd_take_setting(argc, argv, &i, &settings);
		if (got < 0) return SP_EXIT_USAGE;
		if (got == 0) {
			sp_cmd_complain("languages: unknown argument '%s'", argv[i]);
			return SP_EXIT_USAGE;
		}
	}
	if (sp_cmd_load(&settings, &cfg) < 0) return SP_EXIT_FAILED;
	struct sp_languages *ls = sp_languages_load(cfg.languages_dir, &err);
	if (!ls) {
		sp_cmd_complain("%s", err.msg);
		sp_config_fini(&cfg);
		return SP_EXIT_FAILED;
	}
	json_t *all = json_array();
	for (size_t i = 0; i < ls->n; i++) {
		if (as_json)
			json_array_append_new(all, language_json(&ls->list[i]));
		else
			print_line(&ls->list[i]);
	}
	if (as_json) {
		json_dumpf(all, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(all);
	sp_languages_free(ls);
	sp_config_fini(&cfg);
	return sp_cmd_printed(SP_EXIT_OK);
}
