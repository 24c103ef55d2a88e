/* SPDX-License-Identifier: MIT */
#include "core_support.h"

#include <sys/stat.h>

#include "core/limits.h"
#include "core/path.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int fresh(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/serapis-languages-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int gone(void **state)
{
	char command[128];
	static const char *const names[] = {"aa.yaml", "bb.yaml", "empty.yaml", ".hidden.yaml", "README"};
	for (size_t i = 0; i < SP_COUNT(names); i++) {
		snprintf(command, sizeof(command), "%s/%s", dir, names[i]);
		unlink(command);
	}
	return rmdir(dir);
}

#define AA "id: aa\nname: Aa\nsource: main.aa\nrun: [aa, \"{entry}\"]\nversion: {command: [aa, -v], pattern: \"([0-9.]+)\"}\n"
#define BB "id: bb\nname: Bb\nsource: main.bb\nrun: [bb, \"{entry}\"]\nversion: {command: [bb, -v], pattern: \"([0-9.]+)\"}\n"

static void loads(void **state)
{
	struct sp_err err = {0};

	put("aa.yaml", AA "aliases: [ax, a++]\nroot: img\ncompile: [cc, -o, x, \"{entry}\"]\nenv: {B: text, A: 5}\nmemory_min: "
	                  "64MiB\nprocesses_extra: 12\n");
	put("bb.yaml", BB);
	put(".hidden.yaml", "no definition");
	put("README", "no definition");
	struct sp_languages *ls = sp_languages_load(dir, &err);
	if (!ls) fail_msg("%s", err.msg);
	assert_int_equal(ls->n, 2);
	const struct sp_language *l = &ls->list[0];
	assert_string_equal(l->id, "aa");
	assert_string_equal(l->name, "Aa");
	assert_string_equal(l->source, "main.aa");
	assert_string_equal(l->root, "img");
	assert_string_equal(l->compile[3], "{entry}");
	assert_null(l->compile[4]);
	assert_string_equal(l->run[0], "aa");
	assert_string_equal(l->version_command[1], "-v");
	assert_string_equal(l->version_pattern, "([0-9.]+)");
	assert_string_equal(l->env[0], "B=text");
	assert_string_equal(l->env[1], "A=5");
	assert_null(l->env[2]);
	assert_int_equal(l->memory_min_bytes, 64 << 20);
	assert_int_equal(l->processes_extra, 12);
	assert_string_equal(ls->list[1].root, "host");
	assert_null(ls->list[1].compile);
	assert_null(ls->list[1].aliases[0]);

	assert_ptr_equal(sp_languages_find(ls, "aa"), l);
	assert_ptr_equal(sp_languages_find(ls, "AX"), l);
	assert_ptr_equal(sp_languages_find(ls, "A++"), l);
	assert_ptr_equal(sp_languages_find(ls, "bb"), &ls->list[1]);
	assert_null(sp_languages_find(ls, "cc"));
	assert_null(sp_languages_find(ls, ""));
	assert_string_equal(sp_languages_nearest(ls, "++"), "a++");
	assert_string_equal(sp_languages_nearest(ls, "BBx"), "bb");
	assert_null(sp_languages_nearest(ls, "fortran"));
	assert_null(sp_languages_nearest(ls, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	sp_languages_free(ls);
}

#define SEVEN(p) #p "1: x, " #p "2: x, " #p "3: x, " #p "4: x, " #p "5: x, " #p "6: x, " #p "7: x, "

static void refused(void **state)
{
	static const struct {
		const char *a, *b, *message;
	} rows[] = {
	        {AA "rum: [x]\n", NULL, "aa.yaml:6: rum: unknown key \"rum\"; did you mean \"run\"?"},
	        {AA "whatever: 1\n", NULL, "aa.yaml:6: whatever: unknown key"},
	        {"name: Aa\n", NULL, "aa.yaml: id: this key is missing"},
	        {"id: aa\n", NULL, "aa.yaml: name: this key is missing"},
	        {"id: aa\nname: A\n", NULL, "aa.yaml: source: this key is missing"},
	        {"id: aa\nname: A\nsource: m\n", NULL, "aa.yaml: run: this key is missing"},
	        {"id: aa\nname: A\nsource: m\nrun: [a, \"{entry}\"]\n", NULL, "aa.yaml: version: this key is missing"},
	        {"# c\nname: A\nid: Aa\n", NULL, "aa.yaml:3: id: must match"},
	        {"id: \"-a\"\n", NULL, "aa.yaml:1: id: must match"},
	        {"id: ab\n", NULL, "aa.yaml:1: id: \"ab\" must be the name of its file"},
	        {"id: 5\n", NULL, "aa.yaml:1: id: must be text"},
	        {"id: aa\nname: \"\"\n", NULL, "aa.yaml:2: name: must be text that is not empty"},
	        {"id: aa\nname: A\naliases: x\n", NULL, "aa.yaml:3: aliases: must be a list"},
	        {"id: aa\nname: A\naliases: [X]\n", NULL, "aa.yaml:3: aliases: \"X\" must match"},
	        {"id: aa\nname: A\naliases: [1]\n", NULL, "aa.yaml:3: aliases: element 1 must be text"},
	        {"id: aa\nname: A\nsource: ../m\n", NULL, "aa.yaml:3: source: is a path with the component \"..\""},
	        {"id: aa\nname: A\nsource: /m\n", NULL, "aa.yaml:3: source: is absolute"},
	        {"id: aa\nname: A\nsource: m\nrun: sh -c x\n", NULL, "aa.yaml:4: run: must be a list"},
	        {"id: aa\nname: A\nsource: m\nrun: []\n", NULL, "aa.yaml:4: run: must be a list"},
	        {"id: aa\nname: A\nsource: m\nrun: [x]\n", NULL, "aa.yaml:4: run: must name the source with {entry}"},
	        {"id: aa\nname: A\nsource: m\nrun: [x]\ncompile: [c]\n", NULL,
	                "aa.yaml:5: compile: must name the source with {entry}, {sources} or {directory}"},
	        {AA "compile: [cc, \"x{sources}\"]\n", NULL, "aa.yaml:6: compile: {sources} must be an element of its own"},
	        {"id: aa\nname: A\nsource: m\nrun: [x, \"{sources}\"]\n", NULL, "aa.yaml:4: run: {sources} is for compile alone"},
	        {AA "sources: [.c]\n", NULL, "aa.yaml:6: sources: has no use without {sources} in compile"},
	        {AA "compile: [cc, \"{sources}\"]\nsources: [c]\n", NULL, "aa.yaml:7: sources: \"c\" is no ending of a file's name"},
	        {AA "compile: [cc, \"{sources}\"]\nsources: [.c, a/.d]\n", NULL, "aa.yaml:7: sources: \"a/.d\" is no ending"},
	        {AA "compile: [cc, \"{sources}\"]\nsources: [.]\n", NULL, "aa.yaml:7: sources: \".\" is no ending"},
	        {AA "compile: [cc, \"{sources}\"]\nsources: [.abcdefghijklmnop]\n", NULL, "is no ending"},
	        {AA "compile: [cc, \"{sources}\"]\nsources: []\n", NULL, "aa.yaml:7: sources: must be a list"},
	        {AA "package: [a]\n", NULL, "aa.yaml:6: package: must be text"},
	        {AA "package: \"a; rm\"\n", NULL, "aa.yaml:6: package: must be names of Debian packages"},
	        {"id: aa\nname: A\nsource: m\nrun: [a, \"{entry}\"]\nversion: x\n", NULL, "aa.yaml:5: version: must be {command"},
	        {"id: aa\nname: A\nsource: m\nrun: [a, \"{entry}\"]\nversion:\n  command: [a]\n", NULL,
	                "aa.yaml:5: version: pattern must be text"},
	        {"id: aa\nname: A\nsource: m\nrun: [a, \"{entry}\"]\nversion: {command: [a], pattern: \"x\"}\n", NULL,
	                "aa.yaml:5: version: pattern needs a group"},
	        {"id: aa\nname: A\nsource: m\nrun: [a, \"{entry}\"]\nversion: {command: [a], pattern: \"(x\"}\n", NULL,
	                "aa.yaml:5: version: pattern: "},
	        {"id: aa\nname: A\nsource: m\nrun: [a, \"{entry}\"]\nversion: {comand: [a], pattern: \"(x)\"}\n", NULL,
	                "did you mean \"command\"?"},
	        {AA "env: [A]\n", NULL, "aa.yaml:6: env: must be {NAME: value}"},
	        {AA "env: {" SEVEN(A) SEVEN(B) SEVEN(C) SEVEN(D) SEVEN(E) SEVEN(F) SEVEN(G) "}\n", NULL,
	                "aa.yaml:6: env: has more than 48 names"},
	        {AA "env: {A: [1]}\n", NULL, "aa.yaml:6: env: the value of A must be text"},
	        {AA "memory_min: 64MB\n", NULL, "aa.yaml:6: memory_min: must be a size such as 64MiB"},
	        {AA "memory_min: -1\n", NULL, "aa.yaml:6: memory_min: must be"},
	        {AA "processes_extra: many\n", NULL, "aa.yaml:6: processes_extra: must be a number"},
	        {AA "processes_extra: -1\n", NULL, "aa.yaml:6: processes_extra: must be between"},
	        {AA "id: aa\n", NULL, "aa.yaml"},
	        {"- a\n", NULL, "aa.yaml:1: must be a mapping"},
	        {"a: [\n", NULL, "aa.yaml: "},
	        /* names that two have */
	        {AA, BB "aliases: [aa]\n", "bb.yaml:6: aliases: \"aa\" is already a name of aa"},
	        {AA "aliases: [bb]\n", BB, "bb.yaml:1: id: \"bb\" is already a name of aa"},
	        {AA "aliases: [x]\n", BB "aliases: [y, x]\n", "bb.yaml:6: aliases: \"x\" is already a name of aa"},
	        {AA "aliases: [x, x]\n", BB, "aa.yaml:6: aliases: \"x\" is given twice"},
	        {AA "aliases: [aa]\n", BB, "aa.yaml:6: aliases: \"aa\" is given twice"},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_err err = {0};
		put("aa.yaml", rows[i].a);
		if (rows[i].b) put("bb.yaml", rows[i].b);
		struct sp_languages *ls = sp_languages_load(dir, &err);
		if (ls) fail_msg("accepted: %s", rows[i].a);
		assert_contains(err.msg, rows[i].message);
	}
}

static void no_directory(void **state)
{
	struct sp_err err = {0};

	assert_null(sp_languages_load("/nonexistent/languages", &err));
	assert_int_equal(err.code, SP_E_NOT_FOUND);
	assert_contains(err.msg, "/nonexistent/languages");
	assert_null(sp_languages_load(dir, &err));
	assert_contains(err.msg, "has no *.yaml");
}

#define W(text) ((char *)(uintptr_t)(text))

static void assert_words(char **v, const char *const *want)
{
	for (; *want; want++, v++) {
		assert_non_null(*v);
		assert_string_equal(*v, *want);
	}
	assert_null(*v);
}

static void argv(void **state)
{
	char *tmpl[] = {W("x"), W("{entry}"), W("--in={entry}:{entry}"), W("{entr}"), W("{{entry}}"), W(""), NULL};
	const char *args[] = {"{entry}", "b c", NULL}, *sources[] = {"a b.js", NULL};
	char **v = sp_language_argv(tmpl, sources, args);

	/* The request's own arguments are left alone. */
	assert_words(v, (const char *[]){"x", "a b.js", "--in=a b.js:a b.js", "{entr}", "{a b.js}", "", "{entry}", "b c", NULL});
	sp_argv_free(v);
	v = sp_language_argv(tmpl, (const char *[]){"", NULL}, NULL);
	assert_string_equal(v[2], "--in=:");
	sp_argv_free(v);
}

static void several_sources(void **state)
{
	char *tmpl[] = {W("cc"), W("{sources}"), W("-C{directory}"), W("{entry}"), W("-lm"), W("{sources}"), NULL};
	const char *sources[] = {"lib/m {directory}.c", "{sources}", "b.c", NULL};
	char **v = sp_language_argv(tmpl, sources, NULL);

	/* What a path reads like is of no account. */
	assert_words(v, (const char *[]){"cc", "lib/m {directory}.c", "{sources}", "b.c", "-C./lib", "lib/m {directory}.c", "-lm",
	                        "lib/m {directory}.c", "{sources}", "b.c", NULL});
	sp_argv_free(v);
	/* Neither an option nor a file of more arguments. */
	v = sp_language_argv(tmpl, (const char *[]){"@list.c", "-fplugin=x.c", "a/-b.c", NULL}, NULL);
	assert_words(v, (const char *[]){"cc", "./@list.c", "./-fplugin=x.c", "a/-b.c", "-C./", "./@list.c", "-lm", "./@list.c",
	                        "./-fplugin=x.c", "a/-b.c", NULL});
	sp_argv_free(v);
}

static void which_are_sources(void **state)
{
	struct sp_err err = {0};
	put("aa.yaml", AA "compile: [cc, \"{sources}\"]\n");
	put("bb.yaml", BB "compile: [cc, \"{sources}\"]\nsources: [.c, .c++, .tar.gz]\n");
	struct sp_languages *ls = sp_languages_load(dir, &err);
	if (!ls) fail_msg("%s", err.msg);
	const struct sp_language *a = &ls->list[0], *b = &ls->list[1];

	assert_true(sp_language_takes_sources(a));
	assert_true(sp_language_is_source(a, "main.aa"));
	assert_true(sp_language_is_source(a, "x/y.b.aa"));
	assert_false(sp_language_is_source(a, ".aa")); /* a name, and no ending */
	assert_false(sp_language_is_source(a, "x/.aa"));
	assert_false(sp_language_is_source(a, "aa"));
	assert_false(sp_language_is_source(a, "x.aab"));
	assert_false(sp_language_is_source(a, "x.AA"));
	assert_true(sp_language_is_source(b, "x.c++"));
	assert_true(sp_language_is_source(b, "x.tar.gz"));
	assert_false(sp_language_is_source(b, "x.bb"));
	sp_languages_free(ls);
}

static void env(void **state)
{
	char *own[] = {(char *)(uintptr_t) "NODE_ENV=production", (char *)(uintptr_t) "LANG=de", NULL};
	struct sp_language l = test_language();
	l.env = own;
	const char *extra[] = {"NODE_ENV=test", "PATHX=1", "HOME=/tmp", NULL};
	char **v = sp_language_env(&l, extra);
	const char *want[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "LANG=de", "TMPDIR=/tmp", "NODE_ENV=test", "PATHX=1"};

	for (size_t i = 0; i < SP_COUNT(want); i++) assert_string_equal(v[i], want[i]);
	assert_null(v[SP_COUNT(want)]);
	sp_argv_free(v);
	sp_argv_free(NULL);
	assert_string_equal(sp_language_path(&l), "/usr/local/bin:/usr/bin:/bin");
}

/* The request's PATH is the program's. */
static void paths(void **state)
{
	char *own[] = {W("A=1"), W("PATH=/opt/bin"), NULL};
	struct sp_language l = test_language();
	const char *extra[] = {"PATH=/nowhere", "B=2", NULL};

	l.env = own;
	assert_string_equal(sp_language_path(&l), "/opt/bin");
	char **v = sp_language_env(&l, extra);
	assert_words(v, (const char *[]){"PATH=/nowhere", "HOME=/box", "LANG=C.UTF-8", "TMPDIR=/tmp", "A=1", "B=2", NULL});
	sp_argv_free(v);
	v = sp_language_compile_env(&l, extra);
	assert_words(v, (const char *[]){"PATH=/opt/bin", "HOME=/box", "LANG=C.UTF-8", "TMPDIR=/tmp", "A=1", "B=2", NULL});
	sp_argv_free(v);
	l.env = NULL;
	v = sp_language_compile_env(&l, extra);
	assert_string_equal(v[0], "PATH=/usr/local/bin:/usr/bin:/bin");
	sp_argv_free(v);
}

static void limits_of_stages(void **state)
{
	struct sp_eval_limits l = {.run = {.wall_ms = 1000,
	                                   .cpu_ms = 500,
	                                   .memory_bytes = 64 << 20,
	                                   .processes = 4,
	                                   .open_files = 8,
	                                   .files_bytes = 1 << 20,
	                                   .output_bytes = 100},
	        .compile_wall_ms = 30000};
	struct sp_limits c = sp_limits_of_compile(&l), r = sp_limits_of_run(&l, 12);

	assert_int_equal(c.wall_ms, 30000);
	assert_int_equal(c.cpu_ms, 30000);
	assert_int_equal(c.memory_bytes, 512 << 20);
	assert_int_equal(c.processes, 32);
	assert_int_equal(c.files_bytes, 1 << 20);
	assert_int_equal(c.output_bytes, 100);
	assert_int_equal(r.processes, 16);
	assert_int_equal(r.wall_ms, 1000);
	l.run.memory_bytes = INT64_C(1) << 30;
	l.run.processes = 100;
	c = sp_limits_of_compile(&l);
	assert_int_equal(c.memory_bytes, INT64_C(1) << 30);
	assert_int_equal(c.processes, 100);
}

static void path_order(void **state)
{
	assert_int_equal(sp_path_compare("a", "a"), 0);
	assert_true(sp_path_compare("a", "a/b") < 0);
	assert_true(sp_path_compare("a/b", "a-b") < 0);
	assert_true(sp_path_compare("a-b", "a/b") > 0);
	assert_true(sp_path_compare("a/b", "a\303\251") < 0);
	assert_true(sp_path_compare("b", "a/z") > 0);
	assert_true(sp_path_below("a", "a/b"));
	assert_false(sp_path_below("a", "a"));
	assert_false(sp_path_below("a", "ab/c"));
	assert_false(sp_path_below("a/b", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(loads, fresh, gone),
	        cmocka_unit_test_setup_teardown(refused, fresh, gone),
	        cmocka_unit_test_setup_teardown(no_directory, fresh, gone),
	        cmocka_unit_test(argv),
	        cmocka_unit_test(several_sources),
	        cmocka_unit_test_setup_teardown(which_are_sources, fresh, gone),
	        cmocka_unit_test(paths),
	        cmocka_unit_test(env),
	        cmocka_unit_test(limits_of_stages),
	        cmocka_unit_test(path_order),
	};
	return cmocka_run_group_tests_name("core_language", tests, NULL, NULL);
}
