/* SPDX-License-Identifier: MIT */
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

int sp_cmd_config(int argc, char **argv)
{
	struct sp_cmd_settings settings = {0};
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			puts("usage: serapis config [--config FILE] [SETTINGS]\n\n"
			     "Prints every setting as the service would see it: key, value, and where the value comes from.\n");
			sp_cmd_print_config_help();
			return SP_EXIT_OK;
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
	for (size_t i = 0; sp_config_row(&cfg, i, &row); i++) {
		printf("%-28s %-40s %s\n", row.key, row.value[0] ? row.value : "\"\"", origin_name(row.origin));
		free(row.value);
	}
	sp_config_fini(&cfg);
	return SP_EXIT_OK;
}
