/* SPDX-License-Identifier: MIT */
/* How help is printed: lines of at most 100 columns, however long the texts are that describe a command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/cmd.h"

#define COLUMNS ((size_t)100)

/* Bytes of s, which ends before n, that fill at most `columns`. Our own texts: no character is wide or combining. */
static size_t fitting(const char *s, size_t n, size_t columns)
{
	size_t at = 0;
	bool ok;

	for (; at < n && columns; columns--) at += sp_utf8_next(s + at, n - at, &ok);
	return at;
}

static size_t width(const char *s, size_t n)
{
	size_t columns = 0;
	bool ok;

	for (size_t at = 0; at < n; columns++) at += sp_utf8_next(s + at, n - at, &ok);
	return columns;
}

/* Where what a line explains begins, behind its last gap of two blanks: there, too, its next lines begin. */
static size_t indent(const char *line, size_t n)
{
	size_t at = 0;

	for (size_t i = 2; i + 1 < n; i++)
		if (line[i - 2] == ' ' && line[i - 1] == ' ' && line[i] != ' ') at = i;
	return width(line, at);
}

static void print_line(FILE *f, const char *line, size_t n)
{
	size_t hang = indent(line, n), room = COLUMNS;

	while (width(line, n) > room) {
		size_t cut = fitting(line, n, room + 1);
		while (cut && line[cut - 1] != ' ') cut--;
		/* A word that is longer than the line, or the gap before the text: left as it is. */
		if (!cut || strspn(line, " ") >= cut) break;
		fprintf(f, "%.*s\n%*s", (int)(cut - 1), line, (int)hang, "");
		line += cut;
		n -= cut;
		room = COLUMNS - hang;
	}
	fprintf(f, "%.*s\n", (int)n, line);
}

void sp_cmd_print_help(FILE *f, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		print_line(f, text, n);
		text += n + (text[n] == '\n');
	}
}

void sp_cmd_print_config_help(void)
{
	struct sp_config none = {0};
	struct sp_config_row row;
	char line[512];

	sp_cmd_print_help(
	        stdout, "SETTINGS (flag, default, meaning); each is also a key of the configuration file and a SERAPIS_… variable:");
	for (size_t i = 0; sp_config_row(&none, i, &row); i++) {
		char flag[SP_CONFIG_NAME_MAX];
		sp_config_flag_name(row.key, flag);
		snprintf(line, sizeof(line), "  %-32s %-15s  %s", flag, row.dflt[0] ? row.dflt : "-", row.help);
		sp_cmd_print_help(stdout, line);
		free(row.value);
	}
}
