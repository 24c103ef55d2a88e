/* SPDX-License-Identifier: MIT */
#include "seccomp_model.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

const struct sp_rule *model_decide(const struct sp_rules *rules, const struct seccomp_data *data)
{
	if (data->arch != AUDIT_ARCH_X86_64) return &rules->foreign;
	if (data->nr == -1) return &rules->fallback;
	if ((uint32_t)data->nr >= 0x40000000u) return &rules->foreign;
	uint64_t args[6];
	for (unsigned i = 0; i < 6; i++) args[i] = data->args[i];
	for (unsigned i = 0; i < rules->count; i++)
		if (rules->rule[i].nr == data->nr && sp_rule_holds(&rules->rule[i], args)) return &rules->rule[i];
	return &rules->fallback;
}

uint32_t model_return(const struct sp_rule *rule)
{
	if (rule->action == SP_RULE_ALLOW) return SECCOMP_RET_ALLOW;
	return rule->action == SP_RULE_ERRNO ? SECCOMP_RET_ERRNO | (uint32_t)rule->errnum : SECCOMP_RET_KILL_PROCESS;
}

static void broken(const char *what, size_t at)
{
	fprintf(stderr, "bad BPF at %zu: %s\n", at, what);
	abort();
}

uint32_t model_run(const struct sock_filter *prog, size_t count, const struct seccomp_data *data)
{
	uint32_t a = 0;
	for (size_t pc = 0; pc < count;) {
		const struct sock_filter *in = &prog[pc++];
		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (in->k % 4 || in->k > sizeof *data - 4) broken("load", pc - 1);
			memcpy(&a, (const char *)data + in->k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K: a &= in->k; break;
		case BPF_JMP | BPF_JA: pc += in->k; break;
		case BPF_JMP | BPF_JEQ | BPF_K: pc += a == in->k ? in->jt : in->jf; break;
		case BPF_JMP | BPF_JGE | BPF_K: pc += a >= in->k ? in->jt : in->jf; break;
		case BPF_JMP | BPF_JGT | BPF_K: pc += a > in->k ? in->jt : in->jf; break;
		case BPF_RET | BPF_K: return in->k;
		default: broken("instruction", pc - 1);
		}
	}
	broken("ran past the end", count);
	return 0;
}

size_t model_candidates(const struct sp_rules *rules, int nr, unsigned arg, uint64_t values[MODEL_CANDIDATES_MAX])
{
	size_t count = 0;
	values[count++] = 0;
	values[count++] = UINT64_MAX;
	values[count++] = UINT32_MAX;
	values[count++] = 1;
	for (unsigned i = 0; i < rules->count; i++) {
		const struct sp_rule *rule = &rules->rule[i];
		for (unsigned c = 0; rule->nr == nr && c < rule->nconds; c++) {
			const struct sp_rule_cond *cond = &rule->conds[c];
			if (cond->arg != arg) continue;
			uint64_t top = cond->wide ? 0 : 0xdeadbeef00000000u;
			uint64_t lowest = cond->mask & -cond->mask;
			for (unsigned v = 0; v < cond->nvalues && count + 6 <= MODEL_CANDIDATES_MAX; v++) {
				values[count++] = cond->values[v];
				values[count++] = cond->values[v] | top;
				values[count++] = cond->values[v] | ~cond->mask;
				values[count++] = (cond->values[v] ^ lowest) | top;
				values[count++] = cond->values[v] ^ (uint64_t)1 << (cond->wide ? 63 : 31);
				values[count++] = cond->mask;
			}
		}
	}
	return count;
}

static bool search(const struct sp_rules *rules, const struct sp_rule *rule, struct seccomp_data *data, unsigned arg)
{
	if (arg == 6) return model_decide(rules, data) == rule;
	uint64_t values[MODEL_CANDIDATES_MAX];
	bool matters = false;
	for (unsigned i = 0; i < rules->count; i++)
		for (unsigned c = 0; rules->rule[i].nr == rule->nr && c < rules->rule[i].nconds; c++)
			matters = matters || rules->rule[i].conds[c].arg == arg;
	size_t count = matters ? model_candidates(rules, rule->nr, arg, values) : 1;
	for (size_t i = 0; i < count; i++) {
		data->args[arg] = matters ? values[i] : 0;
		if (search(rules, rule, data, arg + 1)) return true;
	}
	return false;
}

bool model_witness(const struct sp_rules *rules, const struct sp_rule *rule, uint64_t args[6])
{
	struct seccomp_data data = {.nr = rule->nr, .arch = AUDIT_ARCH_X86_64};
	if (!search(rules, rule, &data, 0)) return false;
	for (unsigned i = 0; i < 6; i++) args[i] = data.args[i];
	return true;
}
