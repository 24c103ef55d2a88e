/* SPDX-License-Identifier: MIT */
/*
 * The rules files and their compiler: test_seccomp_rules RULES COMPILER COLLECT-RULES. Every sentence of the parser; the compiled filter against the meaning of
 * the rules, on a BPF machine of the test's own; and that no call of x86_64 is left to the default by oversight.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "seccomp_bpf.h"
#include "seccomp_model.h"

static const char *rules_path, *compiler_path, *collect_path;
static struct sp_rules run_rules, collect_rules;

static const enum sp_seccomp_frame frames[] = {SP_SECCOMP_RUNS, SP_SECCOMP_LIB_TREE, SP_SECCOMP_LIB_LINEAR};

static unsigned read_text(const char *text, struct sp_rules *rules, char *said, size_t size)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r"), *diag = fmemopen(said, size, "w");
	assert_non_null(in);
	assert_non_null(diag);
	unsigned faults = sp_rules_read(in, "t", rules, diag);
	fclose(in);
	fclose(diag);
	return faults;
}

#define ENDS "default errno ENOSYS # a reason\nforeign kill # a reason\n"

static const struct {
	const char *text, *said;
} mistakes[] = {
        {ENDS "allow read\n", "t:3: the rule has no reason: end the line with \"# why\"\n"},
        {ENDS "allow read #\n", "t:3: the rule has no reason: end the line with \"# why\"\n"},
        {ENDS "allow read #  so what\n", "t:3: the rule has no reason: end the line with \"# why\"\n"},
        {ENDS "allow raed # a reason\n",
                "t:3: \"raed\" is not a system call of x86_64 that libseccomp knows; write name=number for a newer one\n"},
        {ENDS "allow fstatat64 # a reason\n",
                "t:3: \"fstatat64\" is not a system call of x86_64 that libseccomp knows; write name=number for a newer one\n"},
        {ENDS "allow read # a reason\nallow write read # a reason\n", "t:4: read is decided already by line 3\n"},
        {ENDS "allow read read # a reason\n", "t:3: read is decided already by line 3\n"},
        {ENDS "allow read # a reason\nerrno EPERM read if arg0 == 1 # a reason\n", "t:4: read is decided already by line 3\n"},
        {ENDS "allow read if arg0 == 1 # a reason\n", "t:3: read has no last rule without a condition\n"},
        {ENDS "allow new=900 # a reason\nerrno EPERM newer=900 # a reason\n", "t:4: 900 is named newer here and new in line 3\n"},
        {ENDS "allow read=1 # a reason\n", "t:3: read is 0, not 1\n"},
        {ENDS "allow raed=0 # a reason\n", "t:3: 0 is read, not raed\n"},
        {ENDS "allow new=1024 # a reason\n", "t:3: \"new=1024\" is not a name and a number up to 1023\n"},
        {ENDS "allow new= # a reason\n", "t:3: \"new=\" is not a name and a number up to 1023\n"},
        {ENDS "allow =900 # a reason\n", "t:3: \"=900\" is not a name and a number up to 1023\n"},
        {ENDS "permit read # a reason\n", "t:3: a rule begins with allow, errno, kill, default or foreign, not \"permit\"\n"},
        {ENDS "errno EPREM read # a reason\n", "t:3: \"EPREM\" is not the name of an errno\n"},
        {ENDS "errno # a reason\n", "t:3: \"\" is not the name of an errno\n"},
        {ENDS "allow # a reason\n", "t:3: the rule names no call\n"},
        {ENDS "allow read write if arg0 == 1 # a reason\n",
                "t:3: a condition speaks of one call: its arguments mean other things in others\n"},
        {ENDS "allow read if # a reason\n", "t:3: a condition begins with arg0 to arg5, or one of them with :64, not \"\"\n"},
        {ENDS "allow read if arg6 == 1 # a reason\n", "t:3: a condition begins with arg0 to arg5, or one of them with :64, not \"arg6\"\n"},
        {ENDS "allow read if arg0:32 == 1 # a reason\n",
                "t:3: a condition begins with arg0 to arg5, or one of them with :64, not \"arg0:32\"\n"},
        {ENDS "allow read if arg0 > 1 # a reason\n", "t:3: a condition compares with ==, != or in, not \">\"\n"},
        {ENDS "allow read if arg0 # a reason\n", "t:3: a condition compares with ==, != or in, not \"\"\n"},
        {ENDS "allow read if arg0 == # a reason\n", "t:3: a value is missing\n"},
        {ENDS "allow read if arg0 in , # a reason\n", "t:3: a value is missing\n"},
        {ENDS "allow read if arg0 & # a reason\n", "t:3: a mask is missing\n"},
        {ENDS "allow read if arg0 == 1,2 # a reason\n", "t:3: several values are compared with \"in\"\n"},
        {ENDS "allow read if arg0 == 1 arg1 == 2 # a reason\n", "t:3: conditions are joined with &&, not \"arg1\"\n"},
        {ENDS "allow read if arg0 == 1 && # a reason\n", "t:3: a condition begins with arg0 to arg5, or one of them with :64, not \"\"\n"},
        {ENDS "allow read if arg0 == NOBODY # a reason\n", "t:3: \"NOBODY\" is neither a number nor a constant that this compiler knows\n"},
        {ENDS "allow read if arg0 == 12x # a reason\n", "t:3: \"12x\" is neither a number nor a constant that this compiler knows\n"},
        {ENDS "allow read if arg0 == 0x100000000 # a reason\n", "t:3: a value of more than 32 bits needs argN:64\n"},
        {ENDS "allow read if arg0 & ~1|2 == 0 # a reason\n", "t:3: ~ before several constants needs brackets\n"},
        {ENDS "allow read if arg0 & 2 == 3 # a reason\n", "t:3: a value has bits outside the mask: the condition means nothing\n"},
        {ENDS "allow read if arg0 in 1,2,3,4,5,6,7,8,9,10,11,12,13 # a reason\n", "t:3: more than 12 values\n"},
        {ENDS "allow read if arg0 == 1 && arg1 == 1 && arg2 == 1 && arg3 == 1 && arg4 == 1 # a reason\n", "t:3: more than 4 conditions\n"},
        {ENDS "default kill # a reason\n", "t:3: default is decided already by line 1\n"},
        {"default allow # a reason\nforeign kill # a reason\n",
                "t:1: default takes \"kill\" or \"errno NAME\"; allowing what nobody has looked at is not offered\n"},
        {"default kill # a reason\nforeign allow # a reason\n",
                "t:2: foreign takes \"kill\" or \"errno NAME\"; allowing what nobody has looked at is not offered\n"},
        {"default kill read # a reason\nforeign kill # a reason\n", "t:1: \"read\" after the action of default\n"},
        {"foreign kill # a reason\n", "t:1: there is no line for \"default\"\n"},
        {"default kill # a reason\n", "t:1: there is no line for \"foreign\"\n"},
};

static void every_mistake_has_its_sentence(void **state)
{
	static struct sp_rules rules;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		char said[512] = "";
		unsigned faults = read_text(mistakes[i].text, &rules, said, sizeof said);
		assert_string_equal(said, mistakes[i].said);
		/* A rule that is refused may leave its call without a last word; but these texts each have one fault. */
		assert_int_equal(faults, 1);
	}
}

static void too_long_a_line_is_refused(void **state)
{
	static struct sp_rules rules;
	char text[1024], said[256] = "";
	memset(text, 'x', sizeof text);
	text[0] = '#';
	text[sizeof text - 1] = 0;
	assert_int_equal(read_text(text, &rules, said, sizeof said), 1);
	assert_string_equal(said, "t:1: the line is longer than 510 characters\n");
}

static void all_faults_are_told_at_once(void **state)
{
	static struct sp_rules rules;
	char said[512] = "";
	assert_int_equal(read_text(ENDS "allow raed # a reason\n\n  # a heading\nallow read\n", &rules, said, sizeof said), 2);
	assert_string_equal(said, "t:3: \"raed\" is not a system call of x86_64 that libseccomp knows; write name=number for a newer one\n"
	                          "t:6: the rule has no reason: end the line with \"# why\"\n");
}

static void a_rule_is_read_as_written(void **state)
{
	static struct sp_rules rules;
	char said[512] = "";
	const char *text = ENDS "errno EPERM socket if arg1 & ~(SOCK_CLOEXEC|0x800) in 1,SOCK_RAW && arg2:64 != 0x500000000 # a reason\n"
	                        "kill socket statmount=457 # a reason\n";
	assert_int_equal(read_text(text, &rules, said, sizeof said), 0);
	assert_string_equal(said, "");
	assert_int_equal(rules.fallback.errnum, ENOSYS);
	assert_int_equal(rules.foreign.action, SP_RULE_KILL);
	assert_int_equal(rules.count, 3);
	const struct sp_rule *rule = &rules.rule[0];
	assert_int_equal(rule->nr, 41);
	assert_int_equal(rule->errnum, EPERM);
	assert_int_equal(rule->nconds, 2);
	assert_int_equal(rule->conds[0].mask, 0xfff7f7ff);
	assert_int_equal(rule->conds[0].nvalues, 2);
	assert_int_equal(rule->conds[0].values[1], 3);
	assert_true(rule->conds[1].wide);
	assert_true(rule->conds[1].differs);
	assert_int_equal(rule->conds[1].values[0], 0x500000000);
	assert_int_equal(rules.rule[2].nr, 457);
	assert_int_equal(rules.rule[2].action, SP_RULE_KILL);
}

static int run_compiler(char *const argv[], char *said, size_t size)
{
	char path[] = "/tmp/seccomp-said-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	unlink(path);
	posix_spawn_file_actions_t acts;
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, fd, 2);
	pid_t pid;
	assert_int_equal(posix_spawn(&pid, compiler_path, &acts, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&acts);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ssize_t n = pread(fd, said, size - 1, 0);
	assert_true(n >= 0);
	said[n] = 0;
	close(fd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static char *arg(const char *text) { return (char *)(uintptr_t)text; }

static void the_compiler_writes_nothing_on_a_fault(void **state)
{
	char dir[] = "/tmp/seccomp-rules-XXXXXX", bad[64], header[64], want[256], said[1024];
	assert_non_null(mkdtemp(dir));
	snprintf(bad, sizeof bad, "%s/bad.rules", dir);
	snprintf(header, sizeof header, "%s/out.h", dir);
	FILE *f = fopen(bad, "we");
	assert_non_null(f);
	fputs(ENDS "allow read\nallow raed # a reason\n", f);
	assert_int_equal(fclose(f), 0);

	assert_int_equal(run_compiler((char *[]){arg("c"), bad, header, arg("sp_x"), NULL}, said, sizeof said), 1);
	snprintf(want, sizeof want, "%s: 2 faults, no filter written\n", bad);
	assert_non_null(strstr(said, want));
	assert_int_equal(access(header, F_OK), -1);

	assert_int_equal(run_compiler((char *[]){arg("c"), arg(rules_path), header, arg("sp_x"), NULL}, said, sizeof said), 0);
	assert_string_equal(said, "");
	assert_int_equal(access(header, F_OK), 0);

	assert_int_equal(run_compiler((char *[]){arg("c"), arg("/nowhere/rules"), header, arg("sp_x"), NULL}, said, sizeof said), 1);
	assert_string_equal(said, "/nowhere/rules: No such file or directory\n");
	assert_int_equal(
	        run_compiler((char *[]){arg("c"), arg(rules_path), arg("/nowhere/out.h"), arg("sp_x"), NULL}, said, sizeof said), 1);
	assert_string_equal(said, "/nowhere/out.h: No such file or directory\n");
	assert_int_equal(run_compiler((char *[]){arg("c"), arg(rules_path), header, arg("no name"), NULL}, said, sizeof said), 2);
	assert_string_equal(said, "usage: c RULES HEADER NAME [--libseccomp | --linear]\n");
	assert_int_equal(run_compiler((char *[]){arg("c"), NULL}, said, sizeof said), 2);

	unlink(bad);
	unlink(header);
	rmdir(dir);
}

static void every_call_that_has_a_name_is_decided(void **state)
{
	unsigned named = 0, forgotten = 0;
	for (int nr = 0; nr <= 600; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);
		if (!name) continue;
		named++;
		bool found = false;
		for (unsigned i = 0; i < run_rules.count; i++) found = found || run_rules.rule[i].nr == nr;
		if (!found) {
			fprintf(stderr, "%d %s is neither allowed nor refused by a rule\n", nr, name);
			forgotten++;
		}
		free(name);
	}
	assert_int_equal(forgotten, 0);
	assert_true(named > 350);
}

static void no_rule_is_dead(void **state)
{
	for (unsigned i = 0; i < run_rules.count; i++) {
		uint64_t args[6];
		if (!model_witness(&run_rules, &run_rules.rule[i], args)) fail_msg("line %u never decides", run_rules.rule[i].line);
	}
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

/* Every number, each with calls made of the values that matter, and the ways in that are not x86_64's. */
static void compare(const struct sp_rules *rules, enum sp_seccomp_frame frame)
{
	static struct sock_filter prog[SP_SECCOMP_BPF_MAX];
	size_t count = sp_rules_compile(rules, frame, prog, stderr);
	assert_true(count > 0 && count <= 4096);
	uint64_t seed = 0x9e3779b97f4a7c15u;
	for (int nr = 0; nr <= SP_RULE_NR_MAX + 20; nr++) {
		uint64_t values[6][MODEL_CANDIDATES_MAX];
		size_t counts[6];
		bool conditions = false;
		for (unsigned i = 0; i < rules->count; i++) conditions = conditions || (rules->rule[i].nr == nr && rules->rule[i].nconds);
		for (unsigned a = 0; a < 6; a++) counts[a] = model_candidates(rules, nr, a, values[a]);
		for (unsigned turn = conditions ? 5000 : 8; turn > 0; turn--) {
			struct seccomp_data data = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
			for (unsigned a = 0; a < 6; a++) data.args[a] = values[a][next_random(&seed) % counts[a]];
			assert_int_equal(model_run(prog, count, &data), model_return(model_decide(rules, &data)));
			data.arch = AUDIT_ARCH_I386;
			assert_int_equal(model_run(prog, count, &data), model_return(&rules->foreign));
		}
		struct seccomp_data x32 = {.nr = nr | 0x40000000, .arch = AUDIT_ARCH_X86_64};
		assert_int_equal(model_run(prog, count, &x32), model_return(&rules->foreign));
	}
	for (unsigned i = 0; i < rules->count; i++) {
		struct seccomp_data data = {.nr = rules->rule[i].nr, .arch = AUDIT_ARCH_X86_64};
		uint64_t args[6];
		if (!model_witness(rules, &rules->rule[i], args)) continue;
		for (unsigned a = 0; a < 6; a++) data.args[a] = args[a];
		assert_int_equal(model_run(prog, count, &data), model_return(&rules->rule[i]));
	}
	const uint32_t odd[] = {0x40000000u, 0x3fffffffu, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu};
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct seccomp_data data = {.nr = (int)odd[i], .arch = AUDIT_ARCH_X86_64};
		assert_int_equal(model_run(prog, count, &data), model_return(model_decide(rules, &data)));
	}
}

static void the_filter_says_what_the_rules_say(void **state)
{
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) compare(&run_rules, frames[i]);
}

/* More runs than a conditional jump reaches over, and the greatest rule that the format allows. */
static void large_filters_are_right_too(void **state)
{
	static struct sp_rules rules;
	memset(&rules, 0, sizeof rules);
	rules.fallback = (struct sp_rule){.line = 1, .action = SP_RULE_ERRNO, .errnum = ENOSYS, .nr = -1};
	rules.foreign = (struct sp_rule){.line = 2, .action = SP_RULE_KILL, .nr = -1};
	for (int nr = 0; nr < 700; nr++)
		rules.rule[rules.count++] =
		        (struct sp_rule){.line = 3, .action = nr % 2 ? SP_RULE_ERRNO : SP_RULE_ALLOW, .errnum = nr % 133 + 1, .nr = nr};
	struct sp_rule big = {.line = 4, .action = SP_RULE_ALLOW, .nr = 800, .nconds = SP_RULE_CONDS_MAX};
	for (unsigned c = 0; c < big.nconds; c++) {
		big.conds[c] = (struct sp_rule_cond){.arg = c, .differs = c == 1, .mask = 0xff, .nvalues = SP_RULE_VALUES_MAX};
		for (unsigned v = 0; v < SP_RULE_VALUES_MAX; v++) big.conds[c].values[v] = 3 * v + c;
	}
	rules.rule[rules.count++] = big;
	struct sp_rule wide = {.line = 5, .action = SP_RULE_ERRNO, .errnum = EPERM, .nr = 800, .nconds = 2};
	wide.conds[0] =
	        (struct sp_rule_cond){.arg = 2, .wide = true, .differs = true, .mask = UINT64_MAX, .nvalues = 1, .values = {0x500000005}};
	wide.conds[1] = (struct sp_rule_cond){.arg = 5, .wide = true, .mask = 0xff000000ff, .nvalues = 1, .values = {0x7700000011}};
	rules.rule[rules.count++] = wide;
	rules.rule[rules.count++] = (struct sp_rule){.line = 6, .action = SP_RULE_KILL, .nr = 800};
	for (unsigned c = 0; c < 6; c++) { /* one condition each, on another argument than the rule before */
		struct sp_rule one = {.line = 7 + c, .action = SP_RULE_ERRNO, .errnum = (int)c + 1, .nr = 801, .nconds = 1};
		one.conds[0] = (struct sp_rule_cond){.arg = c, .mask = UINT32_MAX, .nvalues = 1, .values = {5}};
		rules.rule[rules.count++] = one;
	}
	rules.rule[rules.count++] = (struct sp_rule){.line = 13, .action = SP_RULE_ALLOW, .nr = 801};
	compare(&rules, SP_SECCOMP_RUNS);
}

/* The collector's rules: these calls and no other, whatever their arguments, and a pipe alone to write to. */
static void the_collector_has_seven_calls(void **state)
{
	static const char *const calls[] = {"read", "write", "close", "exit_group", "getdents64", "openat2", "statx"};
	unsigned allowed = 0;

	assert_int_equal(collect_rules.fallback.action, SP_RULE_KILL);
	assert_int_equal(collect_rules.foreign.action, SP_RULE_KILL);
	for (unsigned i = 0; i < collect_rules.count; i++) {
		const struct sp_rule *rule = &collect_rules.rule[i];
		if (rule->action != SP_RULE_ALLOW) continue;
		bool known = false;
		for (size_t k = 0; k < sizeof calls / sizeof *calls; k++) known |= strcmp(rule->name, calls[k]) == 0;
		assert_true(known);
		allowed++;
	}
	assert_int_equal(allowed, sizeof calls / sizeof *calls);
	struct seccomp_data data = {.nr = SCMP_SYS(write), .arch = AUDIT_ARCH_X86_64};
	for (unsigned fd = 0; fd < 70; fd++) {
		data.args[0] = fd;
		assert_int_equal(model_decide(&collect_rules, &data)->action, fd == 1 || fd == 2 ? SP_RULE_ALLOW : SP_RULE_KILL);
	}
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) compare(&collect_rules, frames[i]);
}

static int read_rules(const char *path, struct sp_rules *rules)
{
	FILE *in = fopen(path, "re");
	if (!in) return -1;
	unsigned faults = sp_rules_read(in, path, rules, stderr);
	fclose(in);
	return faults ? -1 : 0;
}

static int read_all_rules(void **state) { return read_rules(rules_path, &run_rules) || read_rules(collect_path, &collect_rules) ? -1 : 0; }

int main(int argc, char **argv)
{
	if (argc != 4) return 2;
	rules_path = argv[1];
	compiler_path = argv[2];
	collect_path = argv[3];
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_mistake_has_its_sentence),
	        cmocka_unit_test(too_long_a_line_is_refused),
	        cmocka_unit_test(all_faults_are_told_at_once),
	        cmocka_unit_test(a_rule_is_read_as_written),
	        cmocka_unit_test(the_compiler_writes_nothing_on_a_fault),
	        cmocka_unit_test(every_call_that_has_a_name_is_decided),
	        cmocka_unit_test(no_rule_is_dead),
	        cmocka_unit_test(the_filter_says_what_the_rules_say),
	        cmocka_unit_test(large_filters_are_right_too),
	        cmocka_unit_test(the_collector_has_seven_calls),
	};
	return cmocka_run_group_tests_name("seccomp_rules", tests, read_all_rules, NULL);
}
