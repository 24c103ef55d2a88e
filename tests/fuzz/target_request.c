/* SPDX-License-Identifier: MIT */
/*
 * An evaluation's way from the body to the box: sp_request_parse, the stored form and back, what a step is started with, and the two memfds, read by the box's own parser. The input is the body.
 *
 * Holds, with the defaults and with bounds that a short body reaches, for two languages: there are problems that can be shown, or the request is within every bound; stored and read
 * again it is the same request; and the box refuses nothing of it.
 */
#include "core_fuzz.h"

#include <sys/mman.h>

#include "base/data.h"
#include "base/text.h"
#include "box/files.h"
#include "core/path.h"
#include "runtime/native.h"

static bool text_fine(const char *s) { return sp_utf8_valid(s, strlen(s)); }

static void check_files(const struct sp_request *r, const struct sp_bounds *b)
{
	size_t total = 0, entries = 0, pages = 0;

	FZ_CHECK(r->nfiles >= 1 && r->nfiles <= (size_t)b->files + 1); /* code is one on top */
	for (size_t i = 0; i < r->nfiles; i++) {
		const struct sp_request_file *f = &r->files[i];
		total += f->content.n;
		pages += (f->content.n + 4095) / 4096 * 4096;
		entries += strcmp(f->path, r->entry) == 0;
		FZ_CHECK(!sp_path_fault(f->path, strlen(f->path)) && text_fine(f->path));
		for (size_t k = 0; k < i; k++) {
			const char *other = r->files[k].path;
			FZ_CHECK(strcmp(other, f->path) != 0 && !sp_path_below(other, f->path) && !sp_path_below(f->path, other));
		}
	}
	FZ_CHECK(total <= (size_t)b->decoded_bytes && pages <= (size_t)r->limits.run.files_bytes);
	FZ_CHECK(entries == 1 && r->entry[0] != '-');
}

static void check_limits(const struct sp_request *r, const struct sp_eval_limits *max)
{
	const struct sp_limits *l = &r->limits.run, *m = &max->run;

	FZ_CHECK(l->wall_ms >= 1 && l->wall_ms <= m->wall_ms && l->cpu_ms >= 1 && l->cpu_ms <= m->cpu_ms);
	FZ_CHECK(l->memory_bytes >= r->language->memory_min_bytes && l->memory_bytes >= 1 << 20 && l->memory_bytes <= m->memory_bytes);
	FZ_CHECK(l->processes >= 1 && l->processes <= m->processes && l->open_files >= 4 && l->open_files <= m->open_files);
	FZ_CHECK(l->files_bytes >= 64 << 10 && l->files_bytes <= m->files_bytes);
	FZ_CHECK(l->output_bytes >= 1 && l->output_bytes <= m->output_bytes);
	FZ_CHECK(r->limits.compile_wall_ms >= 1 && r->limits.compile_wall_ms <= max->compile_wall_ms);
}

static void check_request(const struct sp_request *r, const struct sp_config *c)
{
	const struct sp_bounds *b = &c->bounds;
	size_t bytes;

	check_files(r, b);
	check_limits(r, &c->limits_max);
	FZ_CHECK(r->stdin_.n <= (size_t)b->stdin_bytes && r->expected_output.n <= (size_t)b->expected_bytes);
	FZ_CHECK((r->has_stdin || !r->stdin_.n) && (r->has_expected || !r->expected_output.n));
	FZ_CHECK(fz_words(r->args, &bytes) <= (size_t)b->args && bytes <= (size_t)b->args_bytes);
	FZ_CHECK(fz_words(r->env, &bytes) <= (size_t)b->env && bytes <= (size_t)b->env_bytes);
	for (char **a = r->args; *a; a++) FZ_CHECK(text_fine(*a));
	for (char **e = r->env; *e; e++) {
		FZ_CHECK(text_fine(*e));
		size_t n = strcspn(*e, "=");
		FZ_CHECK(n && (*e)[n] == '=' && strspn(*e, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") == n);
		for (char **f = r->env; f < e; f++) FZ_CHECK(strncmp(*f, *e, n + 1) != 0);
	}
	FZ_CHECK(!r->reference || (strlen(r->reference) < SP_REFERENCE_LEN && text_fine(r->reference)));
	FZ_CHECK(r->wait_ms >= 0 && r->wait_ms <= c->http_sync_wait_max_ms);
	FZ_CHECK(r->class_ == SP_CLASS_INTERACTIVE || r->class_ == SP_CLASS_BULK);
}

static bool same_bytes(const struct sp_bytes *a, const struct sp_bytes *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static void check_same_words(char *const *a, char *const *b)
{
	size_t i = 0;
	for (; a[i] && b[i]; i++) FZ_CHECK(strcmp(a[i], b[i]) == 0);
	FZ_CHECK(!a[i] && !b[i]);
}

static void check_stored(const struct sp_request *r)
{
	struct sp_request s;
	struct sp_err err = {0};
	size_t len, again_len;

	sp_autofree char *text = sp_request_encode(r, &len);
	if (sp_request_decode(text, len, r->language->id, fz_languages(), &s, &err)) fz_failed(__FILE__, __LINE__, err.msg);
	FZ_CHECK(s.language == r->language && s.nfiles == r->nfiles && strcmp(s.entry, r->entry) == 0);
	for (size_t i = 0; i < r->nfiles; i++) {
		FZ_CHECK(strcmp(s.files[i].path, r->files[i].path) == 0);
		FZ_CHECK(same_bytes(&s.files[i].content, &r->files[i].content));
	}
	FZ_CHECK(s.has_stdin == r->has_stdin && same_bytes(&s.stdin_, &r->stdin_));
	FZ_CHECK(s.has_expected == r->has_expected && same_bytes(&s.expected_output, &r->expected_output));
	check_same_words(s.args, r->args);
	check_same_words(s.env, r->env);
	FZ_CHECK(memcmp(&s.limits, &r->limits, sizeof s.limits) == 0);
	FZ_CHECK(s.compare_exact == r->compare_exact && s.merge_output == r->merge_output && s.class_ == r->class_);
	FZ_CHECK(!s.reference == !r->reference && (!s.reference || strcmp(s.reference, r->reference) == 0));
	sp_autofree char *again = sp_request_encode(&s, &again_len);
	FZ_CHECK(again_len == len && memcmp(again, text, len) == 0);
	sp_request_fini(&s);
}

/* ---- towards the box */

static const char *map(int fd, uint64_t max, uint64_t *size)
{
	FZ_CHECK(sp_box_check_sealed(fd, max, size) == 0);
	void *p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	FZ_CHECK(p != MAP_FAILED);
	return p;
}

static void check_spec(const struct sp_request *r, char *const *tmpl)
{
	static struct sp_spec spec;
	sp_autofree const char **sources = sp_request_sources(r);
	char **argv = sp_language_argv(tmpl, sources, (const char *const *)r->args),
	     **env = sp_language_env(r->language, (const char *const *)r->env);
	struct sp_step st = {.argv = (const char *const *)argv, .env = (const char *const *)env, .cwd = "/box"};
	struct sp_err err = {0};
	uint64_t size;
	int fd;

	if (sp_native_pack_spec(&st, &fd, &err)) fz_failed(__FILE__, __LINE__, err.msg);
	char *p = (char *)(uintptr_t)map(fd, SP_BOX_SPEC_BYTES_MAX, &size);
	const char *fault = sp_spec_parse(&spec, p, size);
	if (fault) fz_failed(__FILE__, __LINE__, fault);
	check_same_words(spec.argv, argv);
	check_same_words(spec.envp, env);
	munmap(p, size);
	close(fd);
	sp_argv_free(argv);
	sp_argv_free(env);
}

static void check_box(const struct sp_request *r)
{
	struct sp_err err = {0};
	uint64_t size;
	int fd;
	sp_autofree struct sp_source_file *files = malloc(r->nfiles * sizeof *files);

	FZ_CHECK(files);
	for (size_t i = 0; i < r->nfiles; i++)
		files[i] = (struct sp_source_file){.path = r->files[i].path, .data = r->files[i].content.p, .size = r->files[i].content.n};
	if (sp_native_pack_files(files, r->nfiles, &fd, &err)) fz_failed(__FILE__, __LINE__, err.msg);
	FZ_CHECK(sp_box_check_sealed(fd, SP_BOX_FILES_BYTES_MAX, &size) == 0); /* how it is unpacked: target_files.c */
	close(fd);
	if (r->language->compile) check_spec(r, r->language->compile);
	check_spec(r, r->language->run);
}

static void run(json_t *body, const struct sp_language *l, const struct sp_config *c)
{
	struct sp_problems ps = {0};
	struct sp_request r;

	if (sp_request_parse(body, l, c, &r, &ps)) {
		FZ_CHECK(ps.n == 0);
		check_request(&r, c);
		check_stored(&r);
		check_box(&r);
	} else {
		fz_check_problems(&ps);
	}
	sp_problems_fini(&ps);
	sp_request_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sp_autofree char *text = fz_exact(data, size);
	const struct sp_languages *ls = fz_languages();
	json_t *body = sp_json_parse(text, size, NULL, NULL);

	if (!body) return 0; /* target_json.c */
	for (size_t i = 0; i < ls->n; i++) {
		run(body, &ls->list[i], fz_config_default());
		run(body, &ls->list[i], fz_config_tight());
	}
	json_decref(body);
	return 0;
}
