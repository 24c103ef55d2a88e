/* SPDX-License-Identifier: MIT */
/*
 * sp_request_decode. The input is the stored form: what this program or another version of it wrote, on a disk that may have damaged it.
 *
 * Holds: it is refused as damaged or of another version, or it is a request that can be stored again and read again, always the same, and whose limits can be worked with.
 */
#include "core_fuzz.h"

#include "base/text.h"
#include "core/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sp_autofree char *bytes = fz_exact(data, size);
	struct sp_request r, s;
	struct sp_err err = {0};
	size_t len, again_len;

	if (sp_request_decode(bytes, size, "comp", fz_languages(), &r, &err)) {
		fz_check_message(err.msg);
		FZ_CHECK(err.code == SP_E_INTERNAL);
		sp_request_fini(&r);
		return 0;
	}
	FZ_CHECK(r.nfiles >= 1 && r.entry && r.args && r.env);
	struct sp_limits l[] = {r.limits.run, sp_limits_of_compile(&r.limits), sp_limits_of_run(&r.limits, r.language->processes_extra)};
	for (size_t i = 0; i < SP_COUNT(l); i++)
		FZ_CHECK(l[i].wall_ms >= 1 && l[i].cpu_ms >= 1 && l[i].memory_bytes >= 1 && l[i].processes >= 1 && l[i].files_bytes >= 1 &&
		         l[i].output_bytes >= 1 && l[i].output_bytes <= INT64_C(1) << 40);

	sp_autofree char *text = sp_request_encode(&r, &len);
	FZ_CHECK(sp_request_decode(text, len, "comp", fz_languages(), &s, &err) == 0);
	sp_autofree char *again = sp_request_encode(&s, &again_len);
	FZ_CHECK(len == again_len && memcmp(text, again, len) == 0);
	sp_autofree const char **sources = sp_request_sources(&r);
	char **argv = sp_language_argv(r.language->run, sources, (const char *const *)r.args),
	     **env = sp_language_env(r.language, (const char *const *)r.env);
	FZ_CHECK(argv[0] && env[0]);
	sp_argv_free(argv);
	sp_argv_free(env);
	sp_request_fini(&r);
	sp_request_fini(&s);
	return 0;
}
