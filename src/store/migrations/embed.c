/* SPDX-License-Identifier: MIT */
/*
 * Build tool: writes the migrations that it is given as a C array.
 *
 *     embed OUTPUT.c ARRAY 0001_name.sql 0002_name.sql …
 *
 * Files are named NNNN_name.sql, numbered from 1 without gaps, in order; anything else fails the build.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void quit(const char *what, const char *name)
{
	fprintf(stderr, "embed: %s: %s\n", name, what);
	exit(1);
}

static void write_text(FILE *out, FILE *in, const char *name)
{
	int c, column = 0;

	fputs("\t\t\"", out);
	while ((c = getc(in)) != EOF) {
		if (c == 0) quit("NUL byte", name);
		if (c == '\n') {
			fputs("\\n\"\n\t\t\"", out);
			column = 0;
			continue;
		}
		if (c == '"' || c == '\\') fputc('\\', out);
		if (c == '\t')
			fputs("\\t", out);
		else if (c < 0x20 || c > 0x7e)
			fprintf(out, "\\%03o", (unsigned)c);
		else
			fputc(c, out);
		if (++column > 4000) quit("line too long", name);
	}
	fputs("\"},\n", out);
	if (ferror(in)) quit("cannot be read", name);
}

int main(int argc, char **argv)
{
	if (argc < 4) quit("usage: embed OUTPUT.c ARRAY FILE.sql…", "arguments");
	FILE *out = fopen(argv[1], "w");
	if (!out) quit("cannot be written", argv[1]);
	fprintf(out, "/* Made by store/migrations/embed.c. */\n#include \"store/migration.h\"\n\nconst struct sp_migration %s[] = {\n",
	        argv[2]);
	for (int i = 3; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/'), *base = slash ? slash + 1 : argv[i];
		char *end = NULL;
		long number = strtol(base, &end, 10);
		size_t rest = strlen(end);

		if (end - base != 4 || *end != '_' || rest < 6 || strcmp(end + rest - 4, ".sql") != 0)
			quit("is not named NNNN_name.sql", argv[i]);
		if (number != i - 2) quit("is out of order: numbers start at 0001 and have no gaps", argv[i]);
		FILE *in = fopen(argv[i], "r");
		if (!in) quit("cannot be opened", argv[i]);
		fprintf(out, "\t{%ld, \"%.*s\",\n", number, (int)rest - 5, end + 1);
		write_text(out, in, argv[i]);
		fclose(in);
	}
	fprintf(out, "\t{.number = 0},\n};\n");
	if (fclose(out) != 0) quit("cannot be written", argv[1]);
	return 0;
}
