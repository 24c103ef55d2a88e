/* SPDX-License-Identifier: MIT */
/*
 * src/box/policy.c: the policy file, and the checks of requests against what it said. The input is the file's text (a NUL ends it: the reader of files refuses one).
 *
 * Holds: refused with a message that names the line, or every value within its bounds, roots named once and absolute; and a request is within the policy up to exactly what it says.
 */
#include "fuzz.h"

#include "box/policy.h"

static bool terminated(const char *s, size_t n) { return memchr(s, 0, n) != NULL; }

static void check_roots(const struct sp_policy *p)
{
	FZ_CHECK(p->nroots >= 1 && p->nroots <= SP_POLICY_ROOTS_MAX);
	FZ_CHECK(strcmp(p->roots[0].name, "host") == 0 && !p->roots[0].path[0]);
	for (uint32_t i = 0; i < p->nroots; i++) {
		const struct sp_policy_root *r = &p->roots[i];
		FZ_CHECK(terminated(r->name, sizeof r->name) && terminated(r->path, sizeof r->path));
		FZ_CHECK(r->name[0] && !strchr(r->name, '/'));
		FZ_CHECK(i == 0 || r->path[0] == '/');
		FZ_CHECK(sp_policy_root(p, r->name) == (int)i); /* hence none is there twice */
		size_t n = strlen(r->path);
		FZ_CHECK(!strstr(r->path, "/../") && (n < 3 || strcmp(r->path + n - 3, "/..") != 0));
	}
	char full[SP_BOX_NAME_MAX];
	memset(full, 'a', sizeof full);
	FZ_CHECK(sp_policy_root(p, full) == -1);
}

static void check_numbers(const struct sp_policy *p)
{
	FZ_CHECK(p->ids_start >= 1000 && p->ids_count > 6 * p->slots_max);
	FZ_CHECK((uint64_t)p->ids_start + p->ids_count <= UINT32_MAX);
	FZ_CHECK(p->slots_max >= 1 && p->slots_max <= SP_BOX_SLOTS_MAX);
	FZ_CHECK(p->processes_max >= 1 && p->open_files_max >= 16);
	FZ_CHECK(p->host_sockets <= 1);
	/* What is later added to a time or a limit must have room. */
	FZ_CHECK(p->wall_max >= 1 && p->wall_max <= INT64_MAX / 1000 && p->cpu_max >= 1 && p->cpu_max <= INT64_MAX / 1000);
	FZ_CHECK(p->memory_max >= 1 << 20 && p->memory_max <= INT64_MAX / 1000);
	FZ_CHECK(p->file_bytes_max <= INT64_MAX / 1000 && p->tree_bytes_max <= INT64_MAX / 1000 && p->stack_max <= INT64_MAX / 1000);
}

static void check_requests(const struct sp_policy *p)
{
	struct sp_box_begin b = {.root = "host", .tree_bytes = p->tree_bytes_max};
	struct sp_box_step s = {.processes = p->processes_max,
	        .wall_ns = p->wall_max,
	        .cpu_ns = p->cpu_max,
	        .memory_bytes = p->memory_max,
	        .file_bytes = p->file_bytes_max,
	        .open_files = p->open_files_max,
	        .stack_bytes = p->stack_max};

	FZ_CHECK(!sp_policy_check_begin(p, &b) && !sp_policy_check_step(p, &s));
	b.tree_bytes++;
	FZ_CHECK(sp_policy_check_begin(p, &b));
#define ONE_MORE(field) \
	do { \
		s.field++; \
		fz_check_message(sp_policy_check_step(p, &s)); \
		s.field--; \
	} while (0)
	ONE_MORE(processes);
	ONE_MORE(wall_ns);
	ONE_MORE(cpu_ns);
	ONE_MORE(memory_bytes);
	ONE_MORE(file_bytes);
	ONE_MORE(open_files);
	ONE_MORE(stack_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sp_autofree char *text = fz_text(data, size);
	static struct sp_policy p;
	struct sp_err err = {0};

	if (sp_policy_parse(&p, "policy", text, &err)) {
		fz_check_message(err.msg);
		FZ_CHECK(err.code == SP_E_INVALID || err.code == SP_E_LIMIT);
		FZ_CHECK(strncmp(err.msg, "policy:", 7) == 0);
		return 0;
	}
	check_roots(&p);
	check_numbers(&p);
	check_requests(&p);
	return 0;
}
