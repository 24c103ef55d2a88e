/* SPDX-License-Identifier: MIT */
/* What several subcommands share: options that set the configuration, and complaints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"

void sp_cmd_complain(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("serapis: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

int sp_cmd_take_value(int argc, char **argv, int *i, const char *name, const char **value)
{
	size_t n = strlen(name);
	if (strncmp(argv[*i], name, n) != 0) return 0;
	if (argv[*i][n] == '=') {
		*value = argv[*i] + n + 1;
		return 1;
	}
	if (argv[*i][n] != '\0') return 0;
	if (*i + 1 >= argc) {
		sp_cmd_complain("%s needs a value", name);
		return -1;
	}
	*value = argv[++*i];
	return 1;
}

int sp_cmd_take_setting(int argc, char **argv, int *i, struct sp_cmd_settings *out)
{
	int got = sp_cmd_take_value(argc, argv, i, "--config", &out->file);
	if (got != 0) return got;
	if (strncmp(argv[*i], "--", 2) != 0) return 0;

	char flag[64];
	size_t n = strcspn(argv[*i], "=");
	if (n >= sizeof flag) return 0;
	memcpy(flag, argv[*i], n);
	flag[n] = '\0';
	const char *key = sp_config_flag_key(flag);
	if (!key) return 0;
	if (out->n == SP_CMD_SETTINGS_MAX) {
		sp_cmd_complain("more than %d settings on the command line", SP_CMD_SETTINGS_MAX);
		return -1;
	}
	const char *value = NULL;
	if (sp_cmd_take_value(argc, argv, i, flag, &value) < 0) return -1;
	out->list[out->n++] = (struct sp_setting){.key = key, .value = value};
	return 1;
}

int sp_cmd_load(const struct sp_cmd_settings *settings, struct sp_config *cfg)
{
	struct sp_err err = {0};
	if (sp_config_load(cfg, settings->file, environ, settings->list, settings->n, &err) < 0) {
		sp_cmd_complain("%s", err.msg);
		return -1;
	}
	bool json = !strcmp(cfg->log_format, "json") || (!strcmp(cfg->log_format, "auto") && !isatty(STDERR_FILENO));
	sp_log_setup(SP_LOG_INFO, json);
	sp_cmd_set_log_level(cfg);
	return 0;
}

void sp_cmd_set_log_level(const struct sp_config *cfg)
{
	enum sp_log_level level;

	/* The table of settings takes no other names. */
	if (sp_log_level_parse(cfg->log_level, &level)) sp_log_set_level(level);
}

void sp_cmd_print_config_help(void)
{
	puts("Settings (flag, default, meaning); each is also a key of the configuration file and a SERAPIS_… variable:");
	struct sp_config none = {0};
	struct sp_config_row row;
	for (size_t i = 0; sp_config_row(&none, i, &row); i++) {
		char flag[SP_CONFIG_NAME_MAX];
		sp_config_flag_name(row.key, flag);
		printf("  %-33s %-18s %s\n", flag, row.dflt[0] ? row.dflt : "-", row.help);
		free(row.value);
	}
}
