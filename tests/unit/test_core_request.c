/* SPDX-License-Identifier: MIT */
#include "core_support.h"

#include "core/request.h"

static struct sp_config cfg;
static struct sp_language lang;

static bool parse(json_t *body, struct sp_request *r, struct sp_problems *ps)
{
	*ps = (struct sp_problems){.n = 0};
	return sp_request_parse(body, &lang, &cfg, r, ps);
}

static void accept(const char *body, struct sp_request *r)
{
	struct sp_problems ps;
	json_t *b = json_of(body);
	if (!parse(b, r, &ps)) fail_msg("%s: %s %s: %s", body, ps.list[0].code, ps.list[0].field, ps.list[0].message);
	json_decref(b);
}

/* ---- refused: each rule is a row ---- */

struct refusal {
	const char *body, *code, *field, *message;
};
#define TEN "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
static const struct refusal refusals[] = {
        /* What is shown of it ends inside a character; what is said goes on after it. */
        {"{'files':[{'path':'a','content':''},{'path':'b','content':''}],'entry':'x" TEN TEN TEN TEN TEN TEN TEN TEN "'}", "invalid_field",
                "/entry", "?\", which is not among files"},
        {"[]", "invalid_field", "", "JSON object"},
        {"{}", "invalid_field", "/code", "code, or files, or both"},
        {"{'files':[]}", "invalid_field", "/code", "code, or files"},
        {"{'code':null}", "invalid_field", "/code", "code is missing"},
        {"{'code':1}", "invalid_field", "/code", "code must be a string, not a number"},
        {"{'code':[]}", "invalid_field", "/code", "code must be a string, not an array"},
        {"{'code':'a\\u0000b'}", "nul_in_text", "/code", "U+0000"},
        {"{'code':'','nonsense':1}", "unknown_field", "/nonsense", "there is no field nonsense"},
        {"{'code':'','stdni':'x'}", "unknown_field", "/stdni", "did you mean stdin?"},
        {"{'code':'','a/b~c':1}", "unknown_field", "/a~1b~0c", "a/b~c"},
        {"{'code':'','dependencies':{}}", "unknown_field", "/dependencies", "dependencies"},
        {"{'code':'','git':{}}", "unknown_field", "/git", "git"},

        {"{'files':{}}", "invalid_field", "/files", "array"},
        {"{'files':['x']}", "invalid_field", "/files/0", "files[0] must be an object"},
        {"{'files':[{'content':''}]}", "invalid_field", "/files/0/path", "files[0].path is missing"},
        {"{'files':[{'path':'a'}]}", "invalid_field", "/files/0/content", "files[0].content is missing"},
        {"{'files':[{'path':'a','content':'','mode':1}]}", "unknown_field", "/files/0/mode", "files[0].mode"},
        {"{'files':[{'path':'a','content':'','encodin':1}]}", "unknown_field", "/files/0/encodin", "did you mean encoding?"},
        {"{'files':[{'path':1,'content':''}]}", "invalid_field", "/files/0/path", "must be a string"},
        {"{'files':[{'path':'','content':''}]}", "invalid_field", "/files/0/path", "is empty"},
        {"{'files':[{'path':'/etc/passwd','content':''}]}", "invalid_field", "/files/0/path", "absolute"},
        {"{'files':[{'path':'a/../b','content':''}]}", "invalid_field", "/files/0/path", "\"..\""},
        {"{'files':[{'path':'..','content':''}]}", "invalid_field", "/files/0/path", "\"..\""},
        {"{'files':[{'path':'./a','content':''}]}", "invalid_field", "/files/0/path", "\".\""},
        {"{'files':[{'path':'a/','content':''}]}", "invalid_field", "/files/0/path", "empty component"},
        {"{'files':[{'path':'a//b','content':''}]}", "invalid_field", "/files/0/path", "empty component"},
        {"{'files':[{'path':'a\\u0000','content':''}]}", "nul_in_text", "/files/0/path", "U+0000"},
        {"{'files':[{'path':'a','content':'\\u0000'}]}", "nul_in_text", "/files/0/content", "base64"},
        {"{'files':[{'path':'a','content':'x','encoding':'base64'}]}", "invalid_field", "/files/0/content", "not base64"},
        {"{'files':[{'path':'a','content':'AA','encoding':'base64'}]}", "invalid_field", "/files/0/content", "not base64"},
        {"{'files':[{'path':'a','content':'x','encoding':'latin1'}]}", "invalid_field", "/files/0/encoding", "\"utf-8\" or \"base64\""},
        {"{'files':[{'path':'a','content':'x','encoding':7}]}", "invalid_field", "/files/0/encoding", "must be a string"},
        {"{'entry':'a','files':[{'path':'a','content':''},{'path':'b','content':''},{'path':'a','content':''}]}", "invalid_field",
                "/files/2/path", "as an earlier file"},
        {"{'entry':'a','files':[{'path':'a/b','content':''},{'path':'a-b','content':''},{'path':'a','content':''}]}", "invalid_field",
                "/files/2/path", "a file and a directory"},
        {"{'files':[{'path':'b','content':''},{'path':'c','content':''}]}", "invalid_field", "/entry", "none is named main.lg"},
        {"{'entry':'lib.lx','files':[{'path':'lib.lg','content':''}]}", "invalid_field", "/entry", "did you mean \"lib.lg\"?"},
        {"{'entry':'nothing','files':[{'path':'lib.lg','content':''}]}", "invalid_field", "/entry", "not among files"},
        {"{'entry':'../x','code':''}", "invalid_field", "/entry", "\"..\""},
        {"{'entry':5,'code':''}", "invalid_field", "/entry", "must be a string"},
        {"{'code':'','files':[{'path':'main.lg','content':''}]}", "conflicting_fields", "/files/0/path",
                "which is the name of the file that code becomes"},
        {"{'code':'','entry':'x','files':[{'path':'a','content':''},{'path':'x','content':''}]}", "conflicting_fields", "/files/1/path",
                "\"x\""},
        {"{'code':'','entry':'d/x','files':[{'path':'d','content':''}]}", "invalid_field", "/files/0/path", "a file and a directory"},

        {"{'code':'','stdin':1}", "invalid_field", "/stdin", "string, or an array of strings"},
        {"{'code':'','stdin':['a',1]}", "invalid_field", "/stdin/1", "stdin[1] must be a string"},
        {"{'code':'','stdin':['a\\u0000']}", "nul_in_text", "/stdin/0", "U+0000"},
        {"{'code':'','stdin':'\\u0000'}", "nul_in_text", "/stdin", "base64"},
        {"{'code':'','stdin':'?','stdin_encoding':'base64'}", "invalid_field", "/stdin", "not base64"},
        {"{'code':'','stdin':['QQ=='],'stdin_encoding':'base64'}", "conflicting_fields", "/stdin_encoding", "array of lines"},
        {"{'code':'','stdin':'','stdin_encoding':'hex'}", "invalid_field", "/stdin_encoding", "utf-8"},
        {"{'code':'','stdin_encoding':'hex'}", "invalid_field", "/stdin_encoding", "utf-8"},

        {"{'code':'','args':'x'}", "invalid_field", "/args", "array of strings"},
        {"{'code':'','args':['a',null]}", "invalid_field", "/args/1", "must be a string, not null"},
        {"{'code':'','args':['a\\u0000b']}", "nul_in_text", "/args/0", "U+0000"},
        {"{'code':'','env':[]}", "invalid_field", "/env", "object of strings"},
        {"{'code':'','env':{'A':1}}", "invalid_field", "/env/A", "env.A must be a string"},
        {"{'code':'','env':{'1A':''}}", "invalid_field", "/env/1A", "begins with no digit"},
        {"{'code':'','env':{'':''}}", "invalid_field", "/env/", "begins with no digit"},
        {"{'code':'','env':{'A=B':''}}", "invalid_field", "/env/A=B", "letters, digits and _"},
        {"{'code':'','env':{'A':'\\u0000'}}", "nul_in_text", "/env/A", "U+0000"},

        {"{'code':'','entry':'--version'}", "invalid_field", "/entry", "may not begin with '-'"},
        {"{'files':[{'path':'-e','content':''}]}", "invalid_field", "/entry", "may not begin with '-'"},
        {"{'code':'','limits':1}", "invalid_field", "/limits", "must be an object"},
        {"{'code':'','limits':{'wall':1}}", "unknown_field", "/limits/wall", "there is no field limits.wall"},
        {"{'code':'','limits':{'wall_m':1}}", "unknown_field", "/limits/wall_m", "did you mean wall_ms?"},
        {"{'code':'','limits':{'wall_ms':9000000}}", "limit_too_large", "/limits/wall_ms",
                "limits.wall_ms is 9000000; this server allows at most 60000 (limits.max.wall_ms)"},
        {"{'code':'','limits':{'wall_ms':0}}", "invalid_field", "/limits/wall_ms", "limits.wall_ms is 0; it must be at least 1"},
        {"{'code':'','limits':{'wall_ms':-5}}", "invalid_field", "/limits/wall_ms", "at least 1"},
        {"{'code':'','limits':{'wall_ms':5.0}}", "invalid_field", "/limits/wall_ms", "a whole number without fraction or exponent"},
        {"{'code':'','limits':{'wall_ms':1e3}}", "invalid_field", "/limits/wall_ms", "a whole number without fraction or exponent"},
        {"{'code':'','limits':{'wall_ms':'5'}}", "invalid_field", "/limits/wall_ms", "must be a whole number, not a string"},
        {"{'code':'','limits':{'wall_ms':true}}", "invalid_field", "/limits/wall_ms", "not a boolean"},
        {"{'code':'','limits':{'cpu_ms':60001}}", "limit_too_large", "/limits/cpu_ms", "(limits.max.cpu_ms)"},
        {"{'code':'','limits':{'memory_bytes':2147483649}}", "limit_too_large", "/limits/memory_bytes",
                "2147483648 (limits.max.memory_bytes)"},
        {"{'code':'','limits':{'memory_bytes':1048576}}", "invalid_field", "/limits/memory_bytes", "Lang needs at least 8388608"},
        {"{'code':'','limits':{'processes':513}}", "limit_too_large", "/limits/processes", "512"},
        {"{'code':'','limits':{'open_files':3}}", "invalid_field", "/limits/open_files", "at least 4"},
        {"{'code':'','limits':{'files_bytes':1}}", "invalid_field", "/limits/files_bytes", "at least 65536"},
        {"{'code':'','limits':{'output_bytes':0}}", "invalid_field", "/limits/output_bytes", "at least 1"},
        {"{'code':'','limits':{'output_bytes':4194305}}", "limit_too_large", "/limits/output_bytes", "4194304"},
        {"{'code':'','limits':{'compile_wall_ms':120001}}", "limit_too_large", "/limits/compile_wall_ms", "120000"},

        {"{'code':'','expected_output':1}", "invalid_field", "/expected_output", "must be a string"},
        {"{'code':'','expected_output':'\\u0000'}", "nul_in_text", "/expected_output", "U+0000"},
        {"{'code':'','compare':'fuzzy'}", "invalid_field", "/compare", "\"trim\" (the default) or \"exact\""},
        {"{'code':'','merge_output':'yes'}", "invalid_field", "/merge_output", "true or false"},
        {"{'code':'','reference':5}", "invalid_field", "/reference", "must be a string"},
        {"{'code':'','reference':'a\\u0000'}", "nul_in_text", "/reference", "U+0000"},
        {"{'code':'','async':1}", "invalid_field", "/async", "true or false"},
        {"{'code':'','wait_ms':50001}", "limit_too_large", "/wait_ms",
                "wait_ms is 50001; this server allows at most 50000 (http.sync_wait_max)"},
        {"{'code':'','wait_ms':-1}", "invalid_field", "/wait_ms", "at least 0"},
        {"{'code':'','async':true,'wait_ms':1}", "conflicting_fields", "/wait_ms", "does not wait"},
        {"{'code':'','class':'fast'}", "invalid_field", "/class", "\"interactive\" or \"bulk\""},
};

static void refused(void **state)
{
	for (size_t i = 0; i < SP_COUNT(refusals); i++) {
		const struct refusal *f = &refusals[i];
		struct sp_request r;
		struct sp_problems ps;
		json_t *b = json_of(f->body);
		if (parse(b, &r, &ps)) fail_msg("accepted: %s", f->body);
		if (ps.n != 1) fail_msg("%s: %zu problems", f->body, ps.n);
		const struct sp_problem *p = &ps.list[0];
		if (strcmp(p->code, f->code) || strcmp(p->field, f->field) || p->http_status != 422)
			fail_msg("%s: %d %s at '%s', wanted %s at '%s'", f->body, p->http_status, p->code, p->field, f->code, f->field);
		assert_contains(p->message, f->message);
		sp_request_fini(&r);
		sp_problems_fini(&ps);
		json_decref(b);
	}
}

static void problem_as_in_the_examples(void **state)
{
	struct sp_request r;
	struct sp_problems ps;
	json_t *b = json_of("{'code':'x','limits':{'wall_ms':9000000}}");

	assert_false(parse(b, &r, &ps));
	json_t *got = sp_problems_json(&ps, "7f3kq0");
	assert_json(got, "{'error':{'code':'limit_too_large','message':'limits.wall_ms is 9000000; this server allows at most 60000 "
	                 "(limits.max.wall_ms)',"
	                 "'field':'/limits/wall_ms','value':9000000,'limit':60000,'request_id':'7f3kq0','more':[]}}");
	json_decref(got);
	json_decref(b);
	sp_request_fini(&r);
	sp_problems_fini(&ps);
}

/* ---- sizes: one more than allowed is refused, exactly as much is not ---- */

static json_t *text_of(size_t n)
{
	char *s = malloc(n + 1);
	memset(s, 'x', n);
	json_t *v = json_stringn(s, n);
	free(s);
	return v;
}

static json_t *file_of(const char *path, json_t *content) { return json_pack("{s:s, s:o}", "path", path, "content", content); }

static void bound(json_t *fits, json_t *over, const char *field, int64_t value, int64_t limit, const char *key)
{
	struct sp_request r;
	struct sp_problems ps;

	if (!parse(fits, &r, &ps)) fail_msg("%s: %s", field, ps.list[0].message);
	sp_request_fini(&r);
	assert_false(parse(over, &r, &ps));
	assert_int_equal(ps.n, 1);
	assert_string_equal(ps.list[0].code, "limit_too_large");
	assert_string_equal(ps.list[0].field, field);
	assert_int_equal(json_integer_value(ps.list[0].value), value);
	assert_int_equal(json_integer_value(ps.list[0].limit), limit);
	assert_contains(ps.list[0].message, key);
	sp_request_fini(&r);
	sp_problems_fini(&ps);
	json_decref(fits);
	json_decref(over);
}

static json_t *with(const char *key, json_t *v) { return json_pack("{s:s, s:o}", "code", "", key, v); }

static json_t *words(size_t n, size_t len)
{
	json_t *a = json_array();
	for (size_t i = 0; i < n; i++) json_array_append_new(a, text_of(len));
	return a;
}

static json_t *variables(size_t n, size_t len)
{
	json_t *o = json_object();
	char name[16];
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "V%03zu", i);
		json_object_set_new(o, name, text_of(len));
	}
	return o;
}

static json_t *files(size_t n)
{
	json_t *a = json_array();
	char name[16];
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%zu", i);
		json_array_append_new(a, file_of(name, json_string("")));
	}
	return a;
}

static void bounds(void **state)
{
	const size_t mib = 1 << 20;

	bound(json_pack("{s:o}", "code", text_of(mib)), json_pack("{s:o}", "code", text_of(mib + 1)), "/code", (int64_t)mib + 1,
	        (int64_t)mib, "request.code_max");
	bound(with("stdin", text_of(4 * mib)), with("stdin", text_of(4 * mib + 1)), "/stdin", 4194305, 4194304, "request.stdin_max");
	bound(with("stdin", words(4, mib - 1)), with("stdin", words(4, mib)), "/stdin", 4194308, 4194304, "request.stdin_max");
	bound(with("expected_output", text_of(4 * mib)), with("expected_output", text_of(4 * mib + 1)), "/expected_output", 4194305,
	        4194304, "request.expected_max");
	bound(with("args", words(256, 1)), with("args", words(257, 1)), "/args", 257, 256, "request.args_max");
	bound(with("args", words(64, 1023)), with("args", words(64, 1024)), "/args", 65600, 65536, "request.args_bytes_max");
	bound(with("env", variables(64, 1)), with("env", variables(65, 1)), "/env", 65, 64, "request.env_max");
	bound(with("env", variables(32, 1018)), with("env", variables(32, 1019)), "/env", 32800, 32768, "request.env_bytes_max");
	bound(with("files", files(256)), with("files", files(257)), "/files", 257, 256, "request.files_max");
	bound(json_pack("{s:s, s:[o,o]}", "entry", "a", "files", file_of("a", text_of(3 * mib)), file_of("b", text_of(3 * mib))),
	        json_pack("{s:s, s:[o,o]}", "entry", "a", "files", file_of("a", text_of(3 * mib)), file_of("b", text_of(3 * mib + 1))),
	        "/files", 6291457, 6291456, "request.decoded_max");
	/* Four characters of base64 are three bytes. */
	json_t *fits = with("stdin", json_null()), *over = with("stdin", json_null());
	char *s = malloc(6 * mib);
	memset(s, 'A', 6 * mib);
	json_object_set_new(fits, "stdin", json_stringn(s, 5592404)); /* 4194303 bytes */
	json_object_set_new(over, "stdin", json_stringn(s, 5592408)); /* 4194306 bytes */
	json_object_set_new(fits, "stdin_encoding", json_string("base64"));
	json_object_set_new(over, "stdin_encoding", json_string("base64"));
	free(s);
	bound(fits, over, "/stdin", 4194306, 4194304, "request.stdin_max");
}

static void path_lengths(void **state)
{
	char path[1100];
	struct sp_request r;
	struct sp_problems ps;

	/* 33 components; a component of 256; 1025 bytes in all. */
	size_t n = 0;
	for (int i = 0; i < 33; i++) n += (size_t)snprintf(path + n, sizeof(path) - n, "%sd", i ? "/" : "");
	json_t *b = json_pack("{s:[o]}", "files", file_of(path, json_string("")));
	assert_false(parse(b, &r, &ps));
	assert_contains(ps.list[0].message, "deeper than 32");
	sp_request_fini(&r);
	sp_problems_fini(&ps);
	path[n - 2] = '\0';
	json_decref(b);
	b = json_pack("{s:[o]}", "files", file_of(path, json_string("")));
	assert_true(parse(b, &r, &ps));
	sp_request_fini(&r);
	json_decref(b);

	memset(path, 'x', 256);
	path[256] = '\0';
	b = json_pack("{s:[o]}", "files", file_of(path, json_string("")));
	assert_false(parse(b, &r, &ps));
	assert_contains(ps.list[0].message, "component longer than 255");
	sp_request_fini(&r);
	sp_problems_fini(&ps);
	json_decref(b);

	for (n = 0; n < 1025; n++) path[n] = n % 200 == 199 ? '/' : 'x';
	path[1025] = '\0';
	b = json_pack("{s:[o]}", "files", file_of(path, json_string("")));
	assert_false(parse(b, &r, &ps));
	assert_contains(ps.list[0].message, "longer than 1024 bytes");
	assert_int_equal(json_string_length(ps.list[0].value), 100);
	sp_request_fini(&r);
	sp_problems_fini(&ps);
	json_decref(b);
}

static void reference_length(void **state)
{
	struct sp_request r;
	struct sp_problems ps;
	json_t *fits = with("reference", text_of(128)), *over = with("reference", text_of(129));

	assert_true(parse(fits, &r, &ps));
	assert_int_equal(strlen(r.reference), 128);
	sp_request_fini(&r);
	assert_false(parse(over, &r, &ps));
	assert_string_equal(ps.list[0].field, "/reference");
	assert_contains(ps.list[0].message, "129 bytes; at most 128");
	sp_request_fini(&r);
	sp_problems_fini(&ps);
	json_decref(fits);
	json_decref(over);
}

static void files_need_room(void **state)
{
	struct sp_request r;
	struct sp_problems ps;
	/* Seventeen files of one byte take seventeen pages, 68 KiB. */
	json_t *b = json_pack("{s:s, s:o, s:{s:i}}", "entry", "f0", "files", files(17), "limits", "files_bytes", 65536);
	for (size_t i = 0; i < 17; i++) json_object_set_new(json_array_get(json_object_get(b, "files"), i), "content", json_string("x"));

	assert_false(parse(b, &r, &ps));
	assert_string_equal(ps.list[0].field, "/limits/files_bytes");
	assert_contains(ps.list[0].message, "limits.files_bytes is 65536; the request's own files need 69632");
	sp_request_fini(&r);
	sp_problems_fini(&ps);
	json_array_remove(json_object_get(b, "files"), 16);
	assert_true(parse(b, &r, &ps));
	sp_request_fini(&r);
	json_decref(b);
}

/* ---- what a compiler of several files is given ---- */

/* `code` and n files of the language, with names of so many bytes. */
static json_t *sources(size_t n, int len)
{
	json_t *a = json_array();
	for (size_t i = 0; i < n; i++) {
		char name[512];
		int dir = len > 255 ? 101 : 0; /* no part of a path may be longer than 255 bytes */
		snprintf(name, sizeof(name), "%0*d%s%0*zu.c", dir ? dir - 1 : 0, 0, dir ? "/" : "", len - dir - 2, i);
		json_array_append_new(a, file_of(name, json_string("")));
	}
	json_array_append_new(a, file_of("notes.txt", json_string("")));
	return json_pack("{s:s, s:s, s:o}", "code", "", "entry", "main", "files", a);
}

static void several_sources(void **state)
{
	static char *cc[] = {(char *)(uintptr_t) "cc", (char *)(uintptr_t) "{sources}", NULL},
	            *endings[] = {(char *)(uintptr_t) ".c", NULL};
	struct sp_language before = lang;
	int64_t files_before = cfg.bounds.files;
	struct sp_request r;

	lang.compile = cc;
	lang.sources = endings;
	cfg.bounds.files = 4096;
	accept("{'entry':'b.c','files':[{'path':'a.c','content':''},{'path':'b.c','content':''},{'path':'b.h','content':''},{'path':'d/"
	       "c.c',"
	       "'content':''}]}",
	        &r);
	sp_autofree const char **all = sp_request_sources(&r);
	assert_string_equal(all[0], "b.c");
	assert_string_equal(all[1], "a.c");
	assert_string_equal(all[2], "d/c.c");
	assert_null(all[3]);
	sp_request_fini(&r);

	/* The entry counts, whatever it is called, and other files do not. */
	bound(sources(899, 10), sources(900, 10), "/files", 901, 900,
	        "files has 901 files for the compiler of lang; one command takes at most 900");
	bound(sources(800, 327), sources(802, 327), "/files", 802 * 327 + 4, 256 << 10,
	        "files has 262258 bytes of names for the compiler of lang; one");
	lang = before;
	cfg.bounds.files = files_before;
}

/* ---- all problems at once ---- */

static void all_at_once(void **state)
{
	struct sp_request r;
	struct sp_problems ps;
	json_t *b = json_of("{'code':5,'x1':1,'limits':{'wall_ms':0,'cpu_ms':99999999},'async':3,'class':'c','env':{'1':''}}");

	assert_false(parse(b, &r, &ps));
	assert_int_equal(ps.n, 7);
	json_t *e = sp_problems_json(&ps, NULL), *first = json_object_get(e, "error");
	assert_string_equal(json_string_value(json_object_get(first, "code")), "unknown_field");
	assert_true(json_is_null(json_object_get(first, "request_id")));
	assert_int_equal(json_array_size(json_object_get(first, "more")), 6);
	assert_null(json_object_get(json_array_get(json_object_get(first, "more"), 0), "more"));
	json_decref(e);
	sp_request_fini(&r);
	sp_problems_fini(&ps);
	json_decref(b);

	b = json_object();
	char name[16];
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "unknown%02d", i);
		json_object_set_new(b, name, json_integer(i));
	}
	assert_false(parse(b, &r, &ps));
	assert_int_equal(ps.n, SP_PROBLEMS_MAX);
	sp_request_fini(&r);
	sp_problems_fini(&ps);
	json_decref(b);
}

static void long_names_stay_text(void **state)
{
	struct sp_request r;
	struct sp_problems ps;
	char name[1000];
	size_t n = 0;

	/* Two-byte characters, so that every cut at an odd place would break one; with and without a byte before them. */
	for (int odd = 0; odd < 2; odd++) {
		n = 0;
		if (odd) name[n++] = 'x';
		while (n + 2 < sizeof(name)) {
			name[n++] = (char)0xc3;
			name[n++] = (char)0xa9;
		}
		name[n] = '\0';
		json_t *b = json_pack("{s:s, s:i, s:{s:s}, s:s}", "code", "", name, 1, "env", name, "", "entry", name);
		assert_false(parse(b, &r, &ps));
		json_t *e = sp_problems_json(&ps, "id");
		char *text = json_dumps(e, JSON_COMPACT);
		assert_non_null(text);
		for (size_t i = 0; i < ps.n; i++) {
			assert_true(json_is_string(
			        json_object_get(i ? json_array_get(json_object_get(json_object_get(e, "error"), "more"), i - 1)
			                          : json_object_get(e, "error"),
			                "message")));
		}
		free(text);
		json_decref(e);
		sp_request_fini(&r);
		sp_problems_fini(&ps);
		json_decref(b);
	}
}

/* ---- accepted ---- */

static void simplest(void **state)
{
	struct sp_request r;

	accept("{'code':'puts 1'}", &r);
	assert_ptr_equal(r.language, &lang);
	assert_int_equal(r.nfiles, 1);
	assert_string_equal(r.files[0].path, "main.lg");
	assert_string_equal(r.entry, "main.lg");
	assert_memory_equal(r.files[0].content.p, "puts 1", 6);
	assert_int_equal(r.files[0].content.n, 6);
	assert_false(r.has_stdin);
	assert_null(r.args[0]);
	assert_null(r.env[0]);
	assert_int_equal(r.limits.run.wall_ms, 15000);
	assert_int_equal(r.limits.run.cpu_ms, 10000);
	assert_int_equal(r.limits.run.memory_bytes, 256 << 20);
	assert_int_equal(r.limits.run.processes, 64);
	assert_int_equal(r.limits.run.open_files, 256);
	assert_int_equal(r.limits.run.files_bytes, 64 << 20);
	assert_int_equal(r.limits.run.output_bytes, 1 << 20);
	assert_int_equal(r.limits.compile_wall_ms, 30000);
	assert_false(r.has_expected || r.compare_exact || r.merge_output || r.async);
	assert_null(r.reference);
	assert_int_equal(r.class_, SP_CLASS_INTERACTIVE);
	assert_int_equal(r.wait_ms, 50000);
	sp_request_fini(&r);

	accept("{'code':''}", &r);
	assert_int_equal(r.files[0].content.n, 0);
	sp_request_fini(&r);
}

static void everything(void **state)
{
	struct sp_request r;

	accept("{'code':'x','entry':'src/a.lg','files':[{'path':'src/b','content':'AAEC/"
	       "w==','encoding':'base64'},{'path':'c','content':'é','encoding':'utf-8'}],"
	       "'stdin':['1','','3'],'args':['--fast',''],'env':{'LEVEL':'2','_x':'','LD_PRELOAD':'y'},'limits':{'wall_ms':1,'cpu_ms':2,"
	       "'memory_bytes':8388608,'processes':1,'open_files':4,'files_bytes':65536,'output_bytes':1,'compile_wall_ms':3},"
	       "'expected_output':'6\\n','compare':'exact','merge_output':true,'reference':'hw3/"
	       "2','async':true,'wait_ms':0,'class':'interactive'}",
	        &r);
	assert_int_equal(r.nfiles, 3);
	assert_string_equal(r.files[0].path, "src/a.lg");
	assert_string_equal(r.entry, "src/a.lg");
	assert_int_equal(r.files[1].content.n, 4);
	assert_memory_equal(r.files[1].content.p, "\0\1\2\377", 4);
	assert_memory_equal(r.files[2].content.p, "\303\251", 2);
	assert_true(r.has_stdin);
	assert_int_equal(r.stdin_.n, 5);
	assert_memory_equal(r.stdin_.p, "1\n\n3\n", 5);
	assert_string_equal(r.args[0], "--fast");
	assert_string_equal(r.args[1], "");
	assert_null(r.args[2]);
	assert_string_equal(r.env[0], "LEVEL=2");
	assert_string_equal(r.env[1], "_x=");
	assert_string_equal(r.env[2], "LD_PRELOAD=y");
	assert_null(r.env[3]);
	assert_int_equal(r.limits.run.wall_ms, 1);
	assert_int_equal(r.limits.run.cpu_ms, 2);
	assert_int_equal(r.limits.run.memory_bytes, 8388608);
	assert_int_equal(r.limits.run.processes, 1);
	assert_int_equal(r.limits.run.open_files, 4);
	assert_int_equal(r.limits.run.files_bytes, 65536);
	assert_int_equal(r.limits.run.output_bytes, 1);
	assert_int_equal(r.limits.compile_wall_ms, 3);
	assert_true(r.has_expected && r.compare_exact && r.merge_output && r.async);
	assert_string_equal(r.reference, "hw3/2");
	assert_int_equal(r.class_, SP_CLASS_INTERACTIVE);
	sp_request_fini(&r);
}

static void entries(void **state)
{
	static const struct {
		const char *body, *entry;
	} rows[] = {
	        {"{'files':[{'path':'only','content':''}]}", "only"},
	        {"{'files':[{'path':'x','content':''},{'path':'main.lg','content':''}]}", "main.lg"},
	        {"{'entry':'x','files':[{'path':'x','content':''},{'path':'main.lg','content':''}]}", "x"},
	        {"{'code':'','entry':'x'}", "x"},
	        {"{'code':'','files':[{'path':'x','content':''}]}", "main.lg"},
	        {"{'code':'','entry':null,'files':null}", "main.lg"},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_request r;
		accept(rows[i].body, &r);
		assert_string_equal(r.entry, rows[i].entry);
		sp_request_fini(&r);
	}
}

static void stdins(void **state)
{
	static const struct {
		const char *body;
		bool has;
		const char *bytes;
		size_t n;
	} rows[] = {
	        {"{'code':''}", false, "", 0},
	        {"{'code':'','stdin':null}", false, "", 0},
	        {"{'code':'','stdin':''}", true, "", 0},
	        {"{'code':'','stdin':[]}", true, "", 0},
	        {"{'code':'','stdin':['']}", true, "\n", 1},
	        {"{'code':'','stdin':'a\\nb'}", true, "a\nb", 3},
	        {"{'code':'','stdin':['a\\n','b']}", true, "a\n\nb\n", 5},
	        {"{'code':'','stdin':'AAD/','stdin_encoding':'base64'}", true, "\0\0\377", 3},
	        {"{'code':'','stdin':['x'],'stdin_encoding':'utf-8'}", true, "x\n", 2},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_request r;
		accept(rows[i].body, &r);
		assert_int_equal(r.has_stdin, rows[i].has);
		assert_int_equal(r.stdin_.n, rows[i].n);
		if (rows[i].n) assert_memory_equal(r.stdin_.p, rows[i].bytes, rows[i].n);
		sp_request_fini(&r);
	}
}

static void classes(void **state)
{
	static const struct {
		const char *body;
		enum sp_class want;
	} rows[] = {
	        {"{'code':''}", SP_CLASS_INTERACTIVE},
	        {"{'code':'','async':false}", SP_CLASS_INTERACTIVE},
	        {"{'code':'','async':true}", SP_CLASS_BULK},
	        {"{'code':'','async':true,'class':'interactive'}", SP_CLASS_INTERACTIVE},
	        {"{'code':'','class':'bulk'}", SP_CLASS_BULK},
	};
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		struct sp_request r;
		accept(rows[i].body, &r);
		assert_int_equal(r.class_, rows[i].want);
		sp_request_fini(&r);
	}
}

static void default_memory_is_raised(void **state)
{
	struct sp_request r;

	lang.memory_min_bytes = INT64_C(512) << 20;
	accept("{'code':''}", &r);
	assert_int_equal(r.limits.run.memory_bytes, INT64_C(512) << 20);
	sp_request_fini(&r);
	lang.memory_min_bytes = 8 << 20;
}

/* ---- the stored form ---- */

static void same_bytes(const struct sp_bytes *a, const struct sp_bytes *b)
{
	assert_int_equal(a->n, b->n);
	if (a->n) assert_memory_equal(a->p, b->p, a->n);
}

static void same_words(char **a, char **b)
{
	for (; *a && *b; a++, b++) assert_string_equal(*a, *b);
	assert_true(!*a && !*b);
}

static void round_trip(void **state)
{
	static const char *const bodies[] = {
	        "{'code':'puts 1'}",
	        "{'code':''}",
	        "{'code':'é','files':[{'path':'b','content':'AAEC/"
	        "w==','encoding':'base64'},{'path':'z','content':'AAA=','encoding':'base64'}],'stdin':'/w==','stdin_encoding':'base64',"
	        "'args':['a',''],'env':{'A':'b=c'},'limits':{'wall_ms':7},'expected_output':'','compare':'exact','merge_output':true,'"
	        "reference':'r','class':'bulk'}",
	};
	struct sp_languages ls = {.list = &lang, .n = 1};

	for (size_t i = 0; i < SP_COUNT(bodies); i++) {
		struct sp_request a, b;
		struct sp_err err = {0};
		size_t n;
		accept(bodies[i], &a);
		char *form = sp_request_encode(&a, &n);
		assert_int_equal(n, strlen(form));
		if (sp_request_decode(form, n, "lang", &ls, &b, &err)) fail_msg("%s", err.msg);
		assert_ptr_equal(b.language, &lang);
		assert_int_equal(a.nfiles, b.nfiles);
		for (size_t k = 0; k < a.nfiles; k++) {
			assert_string_equal(a.files[k].path, b.files[k].path);
			same_bytes(&a.files[k].content, &b.files[k].content);
		}
		assert_string_equal(a.entry, b.entry);
		assert_int_equal(a.has_stdin, b.has_stdin);
		same_bytes(&a.stdin_, &b.stdin_);
		same_words(a.args, b.args);
		same_words(a.env, b.env);
		assert_memory_equal(&a.limits, &b.limits, sizeof(a.limits));
		assert_int_equal(a.has_expected, b.has_expected);
		same_bytes(&a.expected_output, &b.expected_output);
		assert_int_equal(a.compare_exact, b.compare_exact);
		assert_int_equal(a.merge_output, b.merge_output);
		assert_int_equal(a.class_, b.class_);
		assert_true(a.reference ? b.reference && !strcmp(a.reference, b.reference) : !b.reference);
		free(form);
		sp_request_fini(&a);
		sp_request_fini(&b);
	}
}

static void damaged_forms(void **state)
{
	struct sp_languages ls = {.list = &lang, .n = 1};
	struct sp_request good, r;
	struct sp_err err = {0};
	size_t n;

	accept("{'code':'x','stdin':'s','args':['a']}", &good);
	char *form = sp_request_encode(&good, &n);
	assert_int_equal(sp_request_decode(form, n, "other", &ls, &r, &err), -1);
	assert_int_equal(err.code, SP_E_NOT_FOUND);
	sp_request_fini(&r);
	/* Cut anywhere it is no JSON any more. */
	for (size_t cut = 0; cut < n; cut++) {
		err = (struct sp_err){0};
		assert_int_equal(sp_request_decode(form, cut, "lang", &ls, &r, &err), -1);
		assert_int_equal(err.code, SP_E_INTERNAL);
		sp_request_fini(&r);
	}
	/* Any required key missing, or of another type. */
	static const char *const required[] = {"v", "files", "entry", "args", "env", "limits"};
	for (size_t i = 0; i < SP_COUNT(required); i++) {
		for (int wrong = 0; wrong < 2; wrong++) {
			json_t *o = json_loads(form, 0, NULL);
			if (wrong)
				json_object_set_new(o, required[i], json_real(1.5));
			else
				json_object_del(o, required[i]);
			char *bad = json_dumps(o, JSON_COMPACT);
			err = (struct sp_err){0};
			assert_int_equal(sp_request_decode(bad, strlen(bad), "lang", &ls, &r, &err), -1);
			assert_int_equal(err.code, SP_E_INTERNAL);
			sp_request_fini(&r);
			free(bad);
			json_decref(o);
		}
	}
	json_t *o = json_loads(form, 0, NULL);
	json_object_set_new(o, "v", json_integer(2));
	char *newer = json_dumps(o, JSON_COMPACT);
	assert_int_equal(sp_request_decode(newer, strlen(newer), "lang", &ls, &r, &err), -1);
	assert_contains(err.msg, "version");
	sp_request_fini(&r);
	free(newer);
	json_decref(o);
	free(form);
	sp_request_fini(&good);
}

int main(void)
{
	load_defaults(&cfg);
	lang = test_language();
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(refused),
	        cmocka_unit_test(problem_as_in_the_examples),
	        cmocka_unit_test(bounds),
	        cmocka_unit_test(path_lengths),
	        cmocka_unit_test(reference_length),
	        cmocka_unit_test(files_need_room),
	        cmocka_unit_test(several_sources),
	        cmocka_unit_test(all_at_once),
	        cmocka_unit_test(long_names_stay_text),
	        cmocka_unit_test(simplest),
	        cmocka_unit_test(everything),
	        cmocka_unit_test(entries),
	        cmocka_unit_test(stdins),
	        cmocka_unit_test(classes),
	        cmocka_unit_test(default_memory_is_raised),
	        cmocka_unit_test(round_trip),
	        cmocka_unit_test(damaged_forms),
	};
	int rc = cmocka_run_group_tests_name("core_request", tests, NULL, NULL);
	sp_config_fini(&cfg);
	return rc;
}
