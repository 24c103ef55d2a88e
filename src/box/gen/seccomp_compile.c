/* SPDX-License-Identifier: MIT */
/*
 * seccomp_compile RULES HEADER NAME [--libseccomp | --linear]
 *
 * Writes the C header that holds the filter of a rules file as `static const struct sock_filter NAME[]`, with NAME_COUNT in capitals. The
 * options lay the same filter out in libseccomp's two ways, to compare what they cost. Runs when serapis is built, so that serapis-box needs no
 * libseccomp and has no work of its own before it installs the filter.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seccomp_bpf.h"

static int write_header(FILE *out, const char *rules_name, const char *name, const struct sock_filter *prog, size_t count)
{
	char upper[64] = {0};
	for (size_t i = 0; i < sizeof upper - 1 && name[i]; i++) upper[i] = (char)toupper((unsigned char)name[i]);
	const char *base = strrchr(rules_name, '/');
	fprintf(out, "/* SPDX-License-Identifier: MIT */\n/* Made from %s by seccomp_compile. */\n", base ? base + 1 : rules_name);
	fprintf(out, "#ifndef %s_H_\n#define %s_H_\n\n#include <linux/filter.h>\n\n", upper, upper);
	fprintf(out, "#define %s_COUNT %zu /* at most BPF_MAXINSNS, as struct sock_fprog wants it */\n\n", upper, count);
	fprintf(out, "static const struct sock_filter %s[%s_COUNT] = {\n", name, upper);
	for (size_t i = 0; i < count; i++) fprintf(out, "\t{0x%02x, %u, %u, 0x%08x},\n", prog[i].code, prog[i].jt, prog[i].jf, prog[i].k);
	fprintf(out, "};\n\n#endif\n");
	return ferror(out) ? -1 : 0;
}

static bool is_identifier(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz_");
	return len && len < 60 && !name[len];
}

int main(int argc, char **argv)
{
	enum sp_seccomp_frame frame = SP_SECCOMP_RUNS;
	if (argc == 5 && !strcmp(argv[4], "--libseccomp")) frame = SP_SECCOMP_LIB_TREE;
	if (argc == 5 && !strcmp(argv[4], "--linear")) frame = SP_SECCOMP_LIB_LINEAR;
	if ((argc != 4 && frame == SP_SECCOMP_RUNS) || !is_identifier(argv[3])) {
		fprintf(stderr, "usage: %s RULES HEADER NAME [--libseccomp | --linear]\n", argv[0]);
		return 2;
	}
	FILE *in = fopen(argv[1], "re");
	if (!in) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	static struct sp_rules rules;
	static struct sock_filter prog[SP_SECCOMP_BPF_MAX];
	unsigned faults = sp_rules_read(in, argv[1], &rules, stderr);
	fclose(in);
	if (faults) {
		fprintf(stderr, "%s: %u fault%s, no filter written\n", argv[1], faults, faults == 1 ? "" : "s");
		return 1;
	}
	size_t count = sp_rules_compile(&rules, frame, prog, stderr);
	if (!count) return 1;

	FILE *out = fopen(argv[2], "we");
	int rc = out ? write_header(out, argv[1], argv[3], prog, count) : -1;
	if (out && fclose(out)) rc = -1;
	if (rc) {
		fprintf(stderr, "%s: %s\n", argv[2], strerror(errno));
		remove(argv[2]); /* half a header must not look newer than its rules */
		return 1;
	}
	return 0;
}
