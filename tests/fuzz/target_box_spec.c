/* SPDX-License-Identifier: MIT */
/*
 * sp_spec_parse (src/box/files.c): argv, environment, working directory and the directories a program is looked for in, as the program-to-be reads them. The input is the memfd's bytes.
 *
 * Holds: refused, or lists within their bounds that point into the bytes and that, packed again, are the bytes; which are not changed.
 */
#include "fuzz.h"

#include "box/files.h"

static void add(char **to, const char *s)
{
	size_t n = strlen(s) + 1;
	memcpy(*to, s, n);
	*to += n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_spec s;
	sp_autofree char *bytes = fz_exact(data, size);
	sp_autofree char *again = malloc(size + 1);
	size_t argc = 0, envc = 0;

	const char *fault = sp_spec_parse(&s, bytes, size);
	FZ_CHECK(again && (size == 0 || memcmp(bytes, data, size) == 0));
	if (fault) {
		fz_check_message(fault);
		return 0;
	}
	struct fz z = {data, size};
	FZ_CHECK(fz_u32(&z) == SP_BOX_SPEC_MAGIC);
	while (s.argv[argc]) argc++;
	while (s.envp[envc]) envc++;
	FZ_CHECK(argc == fz_u32(&z) && envc == fz_u32(&z) && argc >= 1 && argc <= SP_BOX_ARGV_MAX && envc <= SP_BOX_ENV_MAX);
	FZ_CHECK(s.argv[0][0] && s.cwd[0] == '/');
	char *to = again;
	for (size_t i = 0; i < argc; i++) add(&to, s.argv[i]);
	for (size_t i = 0; i < envc; i++) {
		const char *eq = strchr(s.envp[i], '=');
		FZ_CHECK(eq && eq != s.envp[i]);
		add(&to, s.envp[i]);
	}
	add(&to, s.cwd);
	if (s.path) add(&to, s.path);
	FZ_CHECK((size_t)(to - again) == z.n && memcmp(again, z.p, z.n) == 0);
	return 0;
}
