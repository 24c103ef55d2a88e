/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"

static const char *origin_name(enum sp_origin o)
{
	switch (o) {
	case SP_ORIGIN_DEFAULT: return "default";
	case SP_ORIGIN_FILE: return "file";
	case SP_ORIGIN_ENV: return "environment";
	case SP_ORIGIN_FLAG: return "flag";
	}
	return "?";
}

static void print_line(const struct sp_config_row *row)
{
	printf("%-31s %-40s %-12s%s\n", row->key, row->value[0] ? row->value : "\"\"", origin_name(row->origin),
	        row->reload ? "reload" : "start");
}

static json_t *text_or_null(const char *s) { return s && *s ? json_string(s) : json_null(); }

static json_t *row_json(const struct sp_config_row *row)
{
	char flag[SP_CONFIG_NAME_MAX], env[SP_CONFIG_NAME_MAX];

	sp_config_flag_name(row->key, flag);
	sp_config_env_name(row->key, env);
	json_t *o = json_object();
	json_object_set_new(o, "key", json_string(row->key));
	json_object_set_new(o, "kind", json_string(row->kind));
	json_object_set_new(o, "value", json_string(row->value));
	json_object_set_new(o, "origin", json_string(origin_name(row->origin)));
	json_object_set_new(o, "default", json_string(row->dflt));
	json_object_set_new(o, "min", text_or_null(row->min));
	json_object_set_new(o, "max", text_or_null(row->max));
	json_object_set_new(o, "choices", text_or_null(row->choices));
	json_object_set_new(o, "reload", json_boolean(row->reload));
	json_object_set_new(o, "flag", json_string(flag));
	json_object_set_new(o, "environment", json_string(row->env ? row->env : env));
	json_object_set_new(o, "help", json_string(row->help));
	return o;
}

int sp_cmd_config(int argc, char **argv)
{
	struct sp_cmd_settings settings = {0};
	bool as_json = false;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			sp_cmd_print_help(stdout,
			        "usage: serapis config [--json] [--config FILE] [SETTINGS]\n\n"
			        "Prints every setting as the service would see it: key, value, where the value comes from, and whether "
			        "SIGHUP "
			        "changes it in a service that runs (reload) or only the next start does (start). Passwords in URLs are "
			        "hidden, and "
			        "of files with secrets only the names are shown.\n\n"
			        "  --json         as JSON, with kind, default, bounds, flag and variable of each\n"
			        "  --config FILE  the configuration file; default: $SERAPIS_CONFIG or /etc/serapis/serapis.yaml\n\n");
			sp_cmd_print_config_help();
			return SP_EXIT_OK;
		}
		if (!strcmp(argv[i], "--json")) {
			as_json = true;
			continue;
		}
		int got = sp_cmd_take_setting(argc, argv, &i, &settings);
		if (got < 0) return SP_EXIT_USAGE;
		if (got == 0) {
			sp_cmd_complain("config: unknown argument '%s'", argv[i]);
			return SP_EXIT_USAGE;
		}
	}
	struct sp_config cfg;
	if (sp_cmd_load(&settings, &cfg) < 0) return SP_EXIT_FAILED;
	struct sp_config_row row;
	json_t *all = as_json ? json_array() : NULL;
	for (size_t i = 0; sp_config_row(&cfg, i, &row); i++) {
		if (as_json)
			json_array_append_new(all, row_json(&row));
		else
			print_line(&row);
		free(row.value);
	}
	sp_config_fini(&cfg);
	if (as_json) {
		json_dumpf(all, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(all);
	}
	return sp_cmd_printed(SP_EXIT_OK);
}
