/* SPDX-License-Identifier: MIT */
/*
 * The rules of share/seccomp as data: the parser that the build-time compiler and the tests share. The format is explained at the head of
 * run.rules.
 */
#ifndef SP_BOX_GEN_SECCOMP_RULES_H
#define SP_BOX_GEN_SECCOMP_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	SP_RULES_MAX = 768, /* calls, counted once a rule: x86_64 has about 380 */
	SP_RULE_CONDS_MAX = 4, /* joined with && */
	SP_RULE_VALUES_MAX = 12, /* of one `in` */
	SP_RULE_NAME_MAX = 40,
	SP_RULE_LINE_MAX = 512,
	SP_RULE_REASON_MIN = 8, /* characters */
	SP_RULE_NR_MAX = 1023 /* greatest system call number */
};

enum sp_rule_action { SP_RULE_ALLOW, SP_RULE_ERRNO, SP_RULE_KILL };

struct sp_rule_cond {
	unsigned arg; /* 0..5 */
	bool wide; /* all 64 bits; otherwise the low 32 */
	bool differs; /* `!=`: holds when (arg & mask) is none of the values; otherwise when it is one of them */
	uint64_t mask;
	unsigned nvalues; /* 1.. */
	uint64_t values[SP_RULE_VALUES_MAX];
};

struct sp_rule {
	unsigned line;
	enum sp_rule_action action;
	int errnum; /* with SP_RULE_ERRNO */
	char name[SP_RULE_NAME_MAX];
	int nr; /* x86_64 */
	unsigned nconds;
	struct sp_rule_cond conds[SP_RULE_CONDS_MAX]; /* all of them must hold; none: the rule always holds */
};

struct sp_rules {
	struct sp_rule fallback; /* `default` */
	struct sp_rule foreign;
	unsigned count;
	struct sp_rule rule[SP_RULES_MAX]; /* in the order of the file; those of one call are tried in this order */
};

/*
 * Reads and checks a whole file. Every fault goes to `diag` as "file:line: sentence". Returns the number of faults: 0 means that *rules is
 * complete (default and foreign are given, each call has an unconditional last rule and nothing after it).
 */
unsigned sp_rules_read(FILE *in, const char *file, struct sp_rules *rules, FILE *diag);

/* True when args satisfy every condition of the rule. */
bool sp_rule_holds(const struct sp_rule *rule, const uint64_t args[6]);

#endif
