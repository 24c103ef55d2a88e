/* SPDX-License-Identifier: MIT */
/* `serapis migrate`: brings the store's schema to this program's version. `serve` does so by itself at start; doing it before, on its own, tells what happens while nothing else depends on it. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "store/store.h"

int sp_cmd_migrate(int argc, char **argv)
{
	struct sp_cmd_settings settings = {0};
	struct sp_config cfg;
	struct sp_err err = {0};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			sp_cmd_print_help(stdout, "usage: serapis migrate [--config FILE] [SETTINGS]\n\n"
			                          "Brings the schema of the store to this program's version. A store that is newer is left "
			                          "as it is, and that is an error. An embedded store that a service uses is "
			                          "refused: stop the service first (a new one migrates at its start anyway).\n\n"
			                          "  --store URL    the store; default: the configuration's\n"
			                          "  --config FILE  the configuration file\n"
			                          "  SETTINGS       see 'serapis config --help'");
			return SP_EXIT_OK;
		}
		int got = sp_cmd_take_setting(argc, argv, &i, &settings);
		if (got < 0) return SP_EXIT_USAGE;
		if (got == 0) {
			sp_cmd_complain("migrate: unknown argument '%s'", argv[i]);
			return SP_EXIT_USAGE;
		}
	}
	if (sp_cmd_load(&settings, &cfg) < 0) return SP_EXIT_FAILED;
	struct sp_store *store = sp_store_open(cfg.store, &err);
	if (!store)
		sp_cmd_complain("%s", err.msg);
	else
		puts("the store's schema is this program's");
	sp_store_close(store);
	sp_config_fini(&cfg);
	return store ? SP_EXIT_OK : SP_EXIT_FAILED;
}
