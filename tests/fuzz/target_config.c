/* SPDX-License-Identifier: MIT */
/*
 * src/core/config.c. The input is the YAML file; a line that begins with "#E " is also a variable of the environment, one with "#F key=value" also a flag.
 *
 * Holds: refused with a message, or every option within its bounds, shown as a text that means the same when it is given as a flag, and no combination that cannot work.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "core/config_rows.h"

#define MANY 8

struct given {
	char *env[MANY + 1];
	struct sp_setting flags[MANY];
	char *text[MANY]; /* of flags: owned */
	size_t nenv, nflags;
};

static void read_lines(struct fz z, struct given *g)
{
	while (z.n) {
		struct fz line = fz_until(&z, '\n');
		if (line.n < 3 || line.p[0] != '#' || line.p[2] != ' ') continue;
		if (line.p[1] == 'E' && g->nenv < MANY) g->env[g->nenv++] = fz_text(line.p + 3, line.n - 3);
		if (line.p[1] != 'F' || g->nflags == MANY) continue;
		char *s = fz_text(line.p + 3, line.n - 3), *eq = strchr(s, '=');
		g->text[g->nflags] = s;
		if (eq) *eq = '\0';
		g->flags[g->nflags++] = (struct sp_setting){.key = s, .value = eq ? eq + 1 : ""};
	}
}

static void check_rows(const struct sp_config *c, const char *file)
{
	struct sp_config_row row;
	struct sp_setting all[SP_CONFIG_ROWS_MAX];
	struct sp_config again;
	struct sp_err err = {0};
	size_t n = 0;

	for (size_t i = 0; sp_config_row(c, i, &row); i++) {
		const struct sp_option *o = &sp_options[i];
		const char *at = (const char *)c + o->offset;
		FZ_CHECK(row.value);
		if (o->kind != SP_KIND_TEXT && o->kind != SP_KIND_CHOICE) {
			int64_t v = *(const int64_t *)(const void *)at;
			FZ_CHECK(v >= o->min && v <= o->max);
		}
		all[n++] = (struct sp_setting){.key = row.key, .value = row.value};
	}
	FZ_CHECK(n == sp_options_count);
	FZ_CHECK(c->lease_renew_ms * 2 <= c->lease_ms && strchr(c->http_listen, ':'));
	if (sp_config_load(&again, file, NULL, all, n, &err)) fz_failed(__FILE__, __LINE__, err.msg);
	for (size_t i = 0; sp_config_row(&again, i, &row); i++) {
		FZ_CHECK(strcmp(row.value, all[i].value) == 0 && row.origin == SP_ORIGIN_FLAG);
		free(row.value);
	}
	for (size_t i = 0; i < n; i++) free((char *)(uintptr_t)all[i].value);
	sp_config_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct given g = {0};
	struct sp_config c;
	struct sp_err err = {0};
	char path[32];

	read_lines((struct fz){data, size}, &g);
	sp_autoclose int fd = memfd_create("fuzz", MFD_CLOEXEC);
	FZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (sp_config_load(&c, path, g.env, g.flags, g.nflags, &err)) {
		fz_check_message(err.msg);
		FZ_CHECK(err.code == SP_E_INVALID || err.code == SP_E_LIMIT);
	} else {
		check_rows(&c, path);
		sp_config_fini(&c);
	}
	for (size_t i = 0; i < g.nenv; i++) free(g.env[i]);
	for (size_t i = 0; i < g.nflags; i++) free(g.text[i]);
	return 0;
}
