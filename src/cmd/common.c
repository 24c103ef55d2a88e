/* SPDX-License-Identifier: MIT */
/* What several subcommands share: options that set the configuration, and complaints. */
#include <errno.h>
#include <grp.h>
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

struct sp_runtime_options sp_cmd_runtime_options(const struct sp_config *cfg)
{
	struct sp_runtime_options ro = {
	        .slots = (int)cfg->slots,
	        .box_path = cfg->box_path[0] ? cfg->box_path : NULL,
	        .policy_path = cfg->box_policy[0] ? cfg->box_policy : NULL,
	};
	if (ro.slots == 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);
		ro.slots = n < 1 ? 1 : n > 64 ? 64 : (int)n;
	}
	return ro;
}

int sp_cmd_find_user(const struct sp_config *cfg, const struct passwd **pw, struct sp_err *err)
{
	*pw = NULL;
	if (!cfg->user[0] || geteuid() != 0) return 0;
	errno = 0;
	if ((*pw = getpwnam(cfg->user))) return 0;
	return sp_fail(err, SP_E_INVALID, errno,
	        "user: there is no user '%s' on this host; useradd --system %s, or name another with --user", cfg->user, cfg->user);
}

int sp_cmd_become_user(const struct passwd *pw, struct sp_err *err)
{
	if (initgroups(pw->pw_name, pw->pw_gid) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return sp_fail(err, SP_E_IO, errno, "become user %s", pw->pw_name);
	return 0;
}

void sp_cmd_set_log_level(const struct sp_config *cfg)
{
	enum sp_log_level level;

	/* The table of settings takes no other names. */
	if (sp_log_level_parse(cfg->log_level, &level)) sp_log_set_level(level);
}

int sp_cmd_printed(int rc)
{
	if (fflush(stdout) == 0 && !ferror(stdout)) return rc;
	sp_cmd_complain("the output could not be written: %s", strerror(errno));
	return SP_EXIT_FAILED;
}
