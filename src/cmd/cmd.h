/* SPDX-License-Identifier: MIT */
/* The command line: one file a subcommand. Exit codes: 0 done, 1 it failed (ours), 2 wrong usage; `eval` and `run` end as the program did (see their --help). */
#ifndef SP_CMD_CMD_H
#define SP_CMD_CMD_H

#include <pwd.h>
#include <stdio.h>

#include "core/config.h"
#include "runtime/runtime.h"

enum { SP_EXIT_OK = 0, SP_EXIT_FAILED = 1, SP_EXIT_USAGE = 2, SP_EXIT_TIMEOUT = 124, SP_EXIT_OURS = 125 };

/* argv[0] is the subcommand's name. */
int sp_cmd_serve(int argc, char **argv);
int sp_cmd_eval(int argc, char **argv);
int sp_cmd_run(int argc, char **argv);
int sp_cmd_doctor(int argc, char **argv);
int sp_cmd_config(int argc, char **argv);
int sp_cmd_user(int argc, char **argv);
int sp_cmd_key(int argc, char **argv);
int sp_cmd_languages(int argc, char **argv);
int sp_cmd_migrate(int argc, char **argv);

/*
 * Options shared by the commands that read the configuration: --config FILE and one flag for each configuration key (--http-listen ADDR). Each is consumed from the
 * argument list and collected; what remains is the command's own.
 */
#define SP_CMD_SETTINGS_MAX 96
struct sp_cmd_settings {
	const char *file;
	struct sp_setting list[SP_CMD_SETTINGS_MAX];
	size_t n;
};

/* If argv[*i] is such an option, takes it (and its value, advancing *i) and returns 1; 0 if it is none; -1 with a message on stderr if its value is missing or there are too many. */
int sp_cmd_take_setting(int argc, char **argv, int *i, struct sp_cmd_settings *out);
/* Value of option `name` at argv[*i] written as "--name value" or "--name=value": 1 taken, 0 another argument, -1 value missing (message printed). */
int sp_cmd_take_value(int argc, char **argv, int *i, const char *name, const char **value);
/* Loads the configuration and sets up logging with it; prints the reason and returns -1 if it cannot. */
int sp_cmd_load(const struct sp_cmd_settings *settings, struct sp_config *cfg);
/* How the runtime is opened for this configuration; slots filled in where it says "one a core". Borrows from cfg. */
struct sp_runtime_options sp_cmd_runtime_options(const struct sp_config *cfg);
/* Whom the service becomes after its start: *pw, valid until the next call, or NULL when it stays who it is. -1: there is no such user. */
int sp_cmd_find_user(const struct sp_config *cfg, const struct passwd **pw, struct sp_err *err) SP_MUSTCHECK;
int sp_cmd_become_user(const struct passwd *pw, struct sp_err *err) SP_MUSTCHECK;
void sp_cmd_set_log_level(const struct sp_config *cfg);
/* "serapis: text" on stderr. */
void sp_cmd_complain(const char *fmt, ...) SP_PRINTF(1, 2);
/* The exit code of a command that has printed what it was asked for: rc, unless that could not be written (a full disk), which is said and is SP_EXIT_FAILED. */
int sp_cmd_printed(int rc);
/* Tells systemd (a unit of Type=notify) of a change of state: "READY=1", "STOPPING=1". Without a NOTIFY_SOCKET nothing happens, and nothing ever fails for it. */
void sp_cmd_notify(const char *state);
/* Prints a text of help, its lines broken at blanks to at most 100 columns; the rest of a line that explains something stands below the explanation. A line's end is printed after the last one, too. */
void sp_cmd_print_help(FILE *f, const char *text);
/* Prints how every configuration key is written as a flag, to stdout. */
void sp_cmd_print_config_help(void);

#endif
