/* SPDX-License-Identifier: MIT */
/* code, files and entry of a request: what ends up in the working directory, and which of it is started. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/path.h"
#include "core/request_fields.h"

static const char *const file_keys[] = {"path", "content", "encoding"};

static bool check_path(struct sp_parse *c, const struct sp_place *p, json_t *v, const char **out)
{
	size_t n;

	if (!sp_take_text(c, p, v, out, &n)) return false;
	const char *fault = sp_path_fault(*out, n);
	return fault ? sp_invalid(c, p, json_incref(v), NULL, "%s is %s", p->name, fault) : true;
}

/* Adds to what code and files have together. */
static bool count_decoded(struct sp_parse *c, const char *field, size_t n)
{
	struct sp_place p = sp_place_of(field);
	int64_t max = c->cfg->bounds.decoded_bytes, before = c->decoded;

	c->decoded += (int64_t)n;
	if (c->decoded <= max || before > max) return c->decoded <= max; /* said once */
	return sp_too_large(c, &p, c->decoded, max, "and code have together, decoded, a size in bytes of", "request.decoded_max");
}

static void add_file(struct sp_parse *c, const char *path, struct sp_bytes content)
{
	c->out->files[c->out->nfiles++] = (struct sp_request_file){.path = sp_strdup(path), .content = content};
}

static bool parse_file(struct sp_parse *c, const struct sp_place *place, json_t *o)
{
	struct sp_place pp = sp_place_member(place, "path"), pc = sp_place_member(place, "content"),
	                pe = sp_place_member(place, "encoding");
	json_t *path = sp_given(o, "path"), *content = sp_given(o, "content");
	const char *name = NULL;
	struct sp_bytes bytes = {0};

	if (!json_is_object(o))
		return sp_invalid(c, place, json_incref(o), NULL, "%s must be an object with path and content", place->name);
	sp_check_known(c, o, place, file_keys, SP_COUNT(file_keys));
	bool fine = path ? check_path(c, &pp, path, &name) : sp_invalid(c, &pp, NULL, NULL, "%s is missing", pp.name);
	if (!content) return sp_invalid(c, &pc, NULL, NULL, "%s is missing", pc.name);
	if (!sp_take_bytes(c, &pc, content, &pe, sp_given(o, "encoding"), c->cfg->bounds.decoded_bytes, "request.decoded_max", &bytes))
		return false;
	if (!count_decoded(c, "files", bytes.n) || !fine) {
		free(bytes.p);
		return false;
	}
	add_file(c, name, bytes);
	return true;
}

/* Reports each path that is there twice, and each file that would have to be a directory as well. */
static int by_path(const void *a, const void *b)
{
	const struct sp_request_file *const *x = a, *const *y = b;
	return sp_path_compare((*x)->path, (*y)->path);
}

static void check_tree(struct sp_parse *c, bool has_code)
{
	size_t n = c->out->nfiles;
	sp_autofree const struct sp_request_file **sorted = sp_calloc(n + 1, sizeof(*sorted));
	struct sp_place files = sp_place_of("files");

	for (size_t i = 0; i < n; i++) sorted[i] = &c->out->files[i];
	qsort(sorted, n, sizeof(*sorted), by_path);
	for (size_t i = 1; i < n; i++) {
		/* Of two the later one of the body is named; `code` is the first file and no element of files[]. */
		const struct sp_request_file *a = sorted[i - 1], *b = sorted[i], *late = a > b ? a : b, *early = a > b ? b : a;
		bool same = strcmp(a->path, b->path) == 0;
		if (!same && !sp_path_below(a->path, b->path)) continue;
		struct sp_place one = sp_place_index(&files, (size_t)(late - c->out->files) - has_code), p = sp_place_member(&one, "path");
		if (!same)
			sp_invalid(c, &p, json_string(late->path), NULL, "%s is \"%.80s\", but \"%.80s\" cannot be a file and a directory",
			        p.name, late->path, a->path);
		else if (has_code && early == c->out->files)
			sp_problem_add(c->ps, 422, "conflicting_fields", p.pointer, json_string(late->path), NULL,
			        "%s is \"%.100s\", which is the name of the file that code becomes; give one of the two, or name code's "
			        "file with entry",
			        p.name, late->path);
		else
			sp_invalid(c, &p, json_string(late->path), NULL, "%s is \"%.150s\", as an earlier file", p.name, late->path);
	}
}

static const struct sp_request_file *find(const struct sp_request *r, const char *path)
{
	for (size_t i = 0; i < r->nfiles; i++)
		if (strcmp(r->files[i].path, path) == 0) return &r->files[i];
	return NULL;
}

/* Without code: which of the files is the main one. */
static bool choose_entry(struct sp_parse *c, const char *given)
{
	struct sp_request *r = c->out;
	struct sp_place p = sp_place_of("entry");

	if (given && find(r, given)) {
		r->entry = sp_strdup(given);
		return true;
	}
	if (given) {
		sp_autofree const char **paths = sp_calloc(r->nfiles + 1, sizeof(*paths));
		for (size_t i = 0; i < r->nfiles; i++) paths[i] = r->files[i].path;
		const char *near = sp_nearest(given, paths, r->nfiles);
		if (near)
			return sp_invalid(c, &p, json_string(given), NULL,
			        "entry is \"%.80s\", which is not among files; did you mean \"%.80s\"?", given, near);
		return sp_invalid(c, &p, json_string(given), NULL, "entry is \"%.150s\", which is not among files", given);
	}
	if (!find(r, c->language->source) && r->nfiles != 1)
		return sp_invalid(
		        c, &p, NULL, NULL, "entry is needed: there is more than one file, and none is named %s", c->language->source);
	r->entry = sp_strdup(r->nfiles == 1 ? r->files[0].path : c->language->source);
	return true;
}

static bool parse_list(struct sp_parse *c, json_t *files)
{
	struct sp_place p = sp_place_of("files");
	size_t n = json_array_size(files);
	bool fine = true;

	for (size_t i = 0; i < n; i++) {
		struct sp_place one = sp_place_index(&p, i);
		fine = parse_file(c, &one, json_array_get(files, i)) && fine;
	}
	return fine;
}

/* The program's tree must hold what the request brings; it is made of pages. */
static void check_room(struct sp_parse *c)
{
	int64_t need = 0, have = c->out->limits.run.files_bytes;
	struct sp_place limits = sp_place_of("limits"), p = sp_place_member(&limits, "files_bytes");

	for (size_t i = 0; i < c->out->nfiles; i++) need += ((int64_t)c->out->files[i].content.n + 4095) / 4096 * 4096;
	if (need > have)
		sp_invalid(c, &p, json_integer(have), json_integer(need), "%s is %" PRId64 "; the request's own files need %" PRId64,
		        p.name, have, need);
}

const char **sp_request_sources(const struct sp_request *r)
{
	const char **out = sp_calloc(r->nfiles + 2, sizeof(*out));
	size_t n = 0;

	out[n++] = r->entry;
	for (size_t i = 0; i < r->nfiles; i++)
		if (strcmp(r->files[i].path, r->entry) != 0 && sp_language_is_source(r->language, r->files[i].path))
			out[n++] = r->files[i].path;
	return out;
}

/* A command line has bounds; and the run would only say that it was too long. */
static void check_sources(struct sp_parse *c)
{
	struct sp_place files = sp_place_of("files");
	int64_t n = 0, bytes = 0;

	if (!c->out->entry || !sp_language_takes_sources(c->language)) return;
	sp_autofree const char **all = sp_request_sources(c->out);
	for (; all[n]; n++) bytes += (int64_t)strlen(all[n]);
	if (n > SP_LANGUAGE_SOURCES_MAX)
		sp_problem_add(c->ps, 422, "limit_too_large", files.pointer, json_integer(n), json_integer(SP_LANGUAGE_SOURCES_MAX),
		        "files has %" PRId64 " files for the compiler of %s; one command takes at most %d", n, c->language->id,
		        SP_LANGUAGE_SOURCES_MAX);
	else if (bytes > SP_LANGUAGE_SOURCES_BYTES_MAX)
		sp_problem_add(c->ps, 422, "limit_too_large", files.pointer, json_integer(bytes),
		        json_integer(SP_LANGUAGE_SOURCES_BYTES_MAX),
		        "files has %" PRId64 " bytes of names for the compiler of %s; one command takes at most %d", bytes, c->language->id,
		        SP_LANGUAGE_SOURCES_BYTES_MAX);
}

void sp_parse_files(struct sp_parse *c)
{
	struct sp_place pcode = sp_place_of("code"), pfiles = sp_place_of("files"), pentry = sp_place_of("entry");
	json_t *code = sp_given(c->body, "code"), *files = sp_given(c->body, "files"), *entry = sp_given(c->body, "entry");
	const char *given = NULL;
	bool fine = !entry || check_path(c, &pentry, entry, &given);

	if (files && !json_is_array(files)) {
		sp_invalid(c, &pfiles, json_incref(files), NULL, "files must be an array of objects with path and content");
		files = NULL;
		fine = false;
	} else if (json_array_size(files) > (size_t)c->cfg->bounds.files) {
		sp_too_large(c, &pfiles, (int64_t)json_array_size(files), c->cfg->bounds.files, "has a number of elements of",
		        "request.files_max");
		return;
	} else if (!code && json_array_size(files) == 0) {
		sp_invalid(c, &pcode, NULL, NULL, "code is missing: a request has code, or files, or both");
		return;
	}
	c->out->files = sp_calloc(json_array_size(files) + 1, sizeof(*c->out->files));
	if (code) {
		struct sp_bytes bytes = {0};
		fine = sp_take_bytes(c, &pcode, code, &pcode, NULL, c->cfg->bounds.code_bytes, "request.code_max", &bytes) && fine;
		/* The name of a wrong entry would only make wrong problems. */
		if (fine) {
			c->out->entry = sp_strdup(given ? given : c->language->source);
			add_file(c, c->out->entry, bytes);
			count_decoded(c, "code", bytes.n);
		} else {
			free(bytes.p);
		}
	}
	fine = parse_list(c, files) && fine;
	if (!fine) return;
	check_tree(c, code != NULL);
	check_room(c);
	if (!code && !choose_entry(c, given)) return;
	check_sources(c);
	/* Compilers and interpreters would take it for an option. */
	if (c->out->entry && c->out->entry[0] == '-')
		sp_invalid(c, &pentry, json_string(c->out->entry), NULL, "entry is \"%.150s\"; the main file's name may not begin with '-'",
		        c->out->entry);
}
