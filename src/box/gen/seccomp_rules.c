/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "seccomp_rules.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Newer than the kernel headers of Debian 12. */
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

/* All of clone's; CLONE_NEWTIME is not among them, its bit is part of clone's exit signal. */
#define CLONE_NEW_MASK (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#define C(name) \
	{ \
#name, (uint64_t)(uint32_t)(name) \
	}
static const struct {
	const char *name;
	uint64_t value;
} constants[] = {
        C(AF_UNIX),
        C(AF_INET),
        C(AF_INET6),
        C(AF_NETLINK),
        C(SOCK_STREAM),
        C(SOCK_DGRAM),
        C(SOCK_SEQPACKET),
        C(SOCK_RAW),
        C(SOCK_PACKET),
        C(SOCK_CLOEXEC),
        C(SOCK_NONBLOCK),
        C(IPPROTO_TCP),
        C(IPPROTO_UDP),
        C(NETLINK_ROUTE),
        C(MSG_OOB),
        C(SOL_SOCKET),
        C(IPPROTO_IPV6),
        C(IPV6_JOIN_GROUP),
        C(IPV6_JOIN_ANYCAST),
        C(MCAST_JOIN_GROUP),
        C(MCAST_JOIN_SOURCE_GROUP),
        C(IPPROTO_IP),
        C(IP_ADD_MEMBERSHIP),
        C(IP_ADD_SOURCE_MEMBERSHIP),
        C(SO_REUSEADDR),
        C(SO_REUSEPORT),
        C(SO_KEEPALIVE),
        C(SO_LINGER),
        C(SO_BROADCAST),
        C(SO_DONTROUTE),
        C(SO_OOBINLINE),
        C(SO_PASSCRED),
        C(SO_RCVTIMEO),
        C(SO_SNDTIMEO),
        C(SO_RCVTIMEO_NEW),
        C(SO_SNDTIMEO_NEW),
        C(SO_RCVLOWAT),
        C(SO_TIMESTAMP),
        C(SO_TIMESTAMP_NEW),
        C(SO_PRIORITY),
        C(SO_RCVBUF),
        C(SO_SNDBUF),
        C(TCP_NODELAY),
        C(TCP_CORK),
        C(TCP_MAXSEG),
        C(TCP_QUICKACK),
        C(TCP_NOTSENT_LOWAT),
        C(TCP_WINDOW_CLAMP),
        C(TCP_KEEPIDLE),
        C(TCP_KEEPINTVL),
        C(TCP_KEEPCNT),
        C(TCP_USER_TIMEOUT),
        C(TCP_SYNCNT),
        C(TCP_LINGER2),
        C(TCP_DEFER_ACCEPT),
        C(IP_TTL),
        C(IP_TOS),
        C(IP_RECVERR),
        C(IP_PKTINFO),
        C(IP_RECVTTL),
        C(IP_RECVTOS),
        C(IP_MTU_DISCOVER),
        C(IP_BIND_ADDRESS_NO_PORT),
        C(IP_MULTICAST_TTL),
        C(IP_MULTICAST_LOOP),
        C(IP_MULTICAST_IF),
        C(IP_MULTICAST_ALL),
        C(IPV6_V6ONLY),
        C(IPV6_UNICAST_HOPS),
        C(IPV6_RECVERR),
        C(IPV6_RECVPKTINFO),
        C(IPV6_RECVHOPLIMIT),
        C(IPV6_MTU_DISCOVER),
        C(IPV6_TCLASS),
        C(IPV6_RECVTCLASS),
        C(IPV6_MULTICAST_HOPS),
        C(IPV6_MULTICAST_LOOP),
        C(IPV6_MULTICAST_IF),
        C(IPV6_MULTICAST_ALL),
        C(SO_ATTACH_FILTER),
        C(SO_ATTACH_BPF),
        C(SO_ATTACH_REUSEPORT_CBPF),
        C(SO_ATTACH_REUSEPORT_EBPF),
        C(CLONE_NEW_MASK),
        C(CLONE_PARENT),
        C(MAP_HUGETLB),
        C(MFD_HUGETLB),
        C(SHM_HUGETLB),
        C(MADV_MERGEABLE),
        C(RLIMIT_CORE),
        C(RWF_NOWAIT),
        C(S_IFMT),
        C(S_IFREG),
        C(S_IFIFO),
        C(S_IFSOCK),
        C(TIOCSTI),
        C(TIOCLINUX),
        C(TIOCSETD),
        C(PR_SET_NAME),
        C(PR_GET_NAME),
        C(PR_SET_VMA),
        C(PR_GET_AUXV),
        C(PR_SET_PDEATHSIG),
        C(PR_GET_PDEATHSIG),
        C(PR_SET_CHILD_SUBREAPER),
        C(PR_GET_CHILD_SUBREAPER),
        C(PR_SET_DUMPABLE),
        C(PR_GET_DUMPABLE),
        C(PR_SET_PTRACER),
        C(PR_SET_NO_NEW_PRIVS),
        C(PR_GET_NO_NEW_PRIVS),
        C(PR_GET_SECCOMP),
        C(PR_SET_SECCOMP),
        C(PR_SET_MM),
        C(PR_CAPBSET_READ),
        C(PR_CAPBSET_DROP),
        C(PR_GET_SECUREBITS),
        C(PR_GET_KEEPCAPS),
        C(PR_SET_KEEPCAPS),
        C(PR_CAP_AMBIENT),
        C(PR_SET_TIMERSLACK),
        C(PR_GET_TIMERSLACK),
        C(PR_SET_THP_DISABLE),
        C(PR_GET_THP_DISABLE),
        C(PR_GET_TID_ADDRESS),
        C(PR_GET_SPECULATION_CTRL),
        C(PR_GET_TSC),
        C(PR_GET_TIMING),
};
#undef C

struct parser {
	const char *file;
	unsigned line;
	unsigned faults;
	FILE *diag;
	struct sp_rules *rules;
	unsigned said[SP_RULE_NR_MAX + 1]; /* line of the unconditional rule of each number, 0: none yet */
};

static bool fault(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fault(struct parser *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(p->diag, "%s:%u: ", p->file, p->line);
	vfprintf(p->diag, fmt, ap);
	fputc('\n', p->diag);
	va_end(ap);
	p->faults++;
	return false;
}

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }

static bool read_number(const char *text, uint64_t *value)
{
	if (*text < '0' || *text > '9') return false;
	char *end;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return !errno && !*end;
}

static bool read_term(struct parser *p, const char *text, uint64_t *value)
{
	if (read_number(text, value)) return true;
	for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
		if (same(constants[i].name, text)) {
			*value = constants[i].value;
			return true;
		}
	return fault(p, "\"%s\" is neither a number nor a constant that this compiler knows", text);
}

/* TERM|TERM…, or ~TERM, or ~(TERM|TERM…); changes text. */
static bool read_value(struct parser *p, char *text, bool wide, uint64_t *value)
{
	bool turned = *text == '~';
	if (turned) text++;
	size_t len = strlen(text);
	if (len >= 2 && text[0] == '(' && text[len - 1] == ')') {
		text[len - 1] = 0;
		text++;
	} else if (turned && strchr(text, '|'))
		return fault(p, "~ before several constants needs brackets");

	*value = 0;
	char *save = NULL, *term = strtok_r(text, "|", &save);
	if (!term) return fault(p, "a value is missing");
	for (; term; term = strtok_r(NULL, "|", &save)) {
		uint64_t one = 0;
		if (!read_term(p, term, &one)) return false;
		*value |= one;
	}
	if (turned) *value = ~*value;
	if (!wide && turned) *value &= UINT32_MAX;
	if (!wide && *value > UINT32_MAX) return fault(p, "a value of more than 32 bits needs argN:64");
	return true;
}

static bool read_values(struct parser *p, char *text, struct sp_rule_cond *cond)
{
	char *save = NULL;
	for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
		if (cond->nvalues == SP_RULE_VALUES_MAX) return fault(p, "more than %d values", SP_RULE_VALUES_MAX);
		uint64_t *value = &cond->values[cond->nvalues++];
		if (!read_value(p, one, cond->wide, value)) return false;
		if (*value & ~cond->mask) return fault(p, "a value has bits outside the mask: the condition means nothing");
	}
	return cond->nvalues || fault(p, "a value is missing");
}

/* `argN [& MASK] ==|!=|in VALUES`, from words that strtok_r hands out; *word is the first, and afterwards the one that follows, or NULL. */
static bool read_condition(struct parser *p, char **word, char **save, struct sp_rule_cond *cond)
{
	char *w = *word;
	if (!w || strncmp(w, "arg", 3) != 0 || w[3] < '0' || w[3] > '5' || (w[4] && !same(w + 4, ":64")))
		return fault(p, "a condition begins with arg0 to arg5, or one of them with :64, not \"%s\"", w ? w : "");
	*cond = (struct sp_rule_cond){.arg = (unsigned)(w[3] - '0'), .wide = w[4] != 0};
	cond->mask = cond->wide ? UINT64_MAX : UINT32_MAX;

	w = strtok_r(NULL, " \t", save);
	if (w && same(w, "&")) {
		if (!(w = strtok_r(NULL, " \t", save))) return fault(p, "a mask is missing");
		if (!read_value(p, w, cond->wide, &cond->mask)) return false;
		w = strtok_r(NULL, " \t", save);
	}
	if (!w || (!same(w, "==") && !same(w, "!=") && !same(w, "in")))
		return fault(p, "a condition compares with ==, != or in, not \"%s\"", w ? w : "");
	bool list = same(w, "in");
	cond->differs = same(w, "!=");
	if (!(w = strtok_r(NULL, " \t", save))) return fault(p, "a value is missing");
	if (!list && strchr(w, ',')) return fault(p, "several values are compared with \"in\"");
	if (!read_values(p, w, cond)) return false;
	*word = strtok_r(NULL, " \t", save);
	return true;
}

static bool read_conditions(struct parser *p, char **save, struct sp_rule *rule)
{
	char *word = strtok_r(NULL, " \t", save);
	for (;;) {
		if (rule->nconds == SP_RULE_CONDS_MAX) return fault(p, "more than %d conditions", SP_RULE_CONDS_MAX);
		if (!read_condition(p, &word, save, &rule->conds[rule->nconds])) return false;
		rule->nconds++;
		if (!word) return true;
		if (!same(word, "&&")) return fault(p, "conditions are joined with &&, not \"%s\"", word);
		word = strtok_r(NULL, " \t", save);
	}
}

static bool read_errno(struct parser *p, const char *name, int *errnum)
{
	for (int e = 1; name && e < 256; e++) {
		const char *known = strerrorname_np(e);
		if (known && same(known, name)) {
			*errnum = e;
			return true;
		}
	}
	return fault(p, "\"%s\" is not the name of an errno", name ? name : "");
}

/* name, or name=number for a call that this libseccomp may not know; changes text. */
static bool read_call(struct parser *p, char *text, struct sp_rule *rule)
{
	char *number = strchr(text, '=');
	if (number) *number++ = 0;
	size_t len = strlen(text);
	if (len >= sizeof rule->name) return fault(p, "\"%s\" is too long for the name of a system call", text);
	memcpy(rule->name, text, len + 1);

	int known = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, text);
	if (!number) {
		if (known < 0)
			return fault(
			        p, "\"%s\" is not a system call of x86_64 that libseccomp knows; write name=number for a newer one", text);
		rule->nr = known;
		return true;
	}
	uint64_t nr;
	if (!*text || !read_number(number, &nr) || nr > SP_RULE_NR_MAX)
		return fault(p, "\"%s=%s\" is not a name and a number up to %d", text, number, SP_RULE_NR_MAX);
	if (known >= 0 && (uint64_t)known != nr) return fault(p, "%s is %d, not %llu", text, known, (unsigned long long)nr);
	rule->nr = (int)nr;
	char *other = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, rule->nr);
	if (!other) return true;
	bool fine = same(other, text) || fault(p, "%d is %s, not %s", rule->nr, other, text);
	free(other);
	return fine;
}

static void add_rule(struct parser *p, const struct sp_rule *rule)
{
	struct sp_rules *rules = p->rules;
	for (unsigned i = 0; i < rules->count; i++)
		if (rules->rule[i].nr == rule->nr && !same(rules->rule[i].name, rule->name)) {
			fault(p, "%d is named %s here and %s in line %u", rule->nr, rule->name, rules->rule[i].name, rules->rule[i].line);
			return;
		}
	if (p->said[rule->nr]) {
		fault(p, "%s is decided already by line %u", rule->name, p->said[rule->nr]);
		return;
	}
	if (rules->count == SP_RULES_MAX) {
		fault(p, "more than %d rules", SP_RULES_MAX);
		return;
	}
	if (!rule->nconds) p->said[rule->nr] = p->line;
	rules->rule[rules->count++] = *rule;
}

/* What follows `default` and `foreign`: one action and nothing else. */
static void read_fallback(struct parser *p, char **save, const char *what, struct sp_rule *rule)
{
	if (rule->line) {
		fault(p, "%s is decided already by line %u", what, rule->line);
		return;
	}
	const char *word = strtok_r(NULL, " \t", save);
	*rule = (struct sp_rule){.line = p->line, .nr = -1};
	if (word && same(word, "kill"))
		rule->action = SP_RULE_KILL;
	else if (word && same(word, "errno")) {
		rule->action = SP_RULE_ERRNO;
		if (!read_errno(p, strtok_r(NULL, " \t", save), &rule->errnum)) return;
	} else {
		fault(p, "%s takes \"kill\" or \"errno NAME\"; allowing what nobody has looked at is not offered", what);
		return;
	}
	if ((word = strtok_r(NULL, " \t", save))) fault(p, "\"%s\" after the action of %s", word, what);
}

static void read_rule(struct parser *p, char *text)
{
	char *save = NULL, *word = strtok_r(text, " \t", &save);
	struct sp_rule rule = {.line = p->line};
	if (same(word, "default") || same(word, "foreign")) {
		bool is_default = *word == 'd';
		read_fallback(p, &save, is_default ? "default" : "foreign", is_default ? &p->rules->fallback : &p->rules->foreign);
		return;
	}
	if (same(word, "allow"))
		rule.action = SP_RULE_ALLOW;
	else if (same(word, "kill"))
		rule.action = SP_RULE_KILL;
	else if (same(word, "errno")) {
		rule.action = SP_RULE_ERRNO;
		if (!read_errno(p, strtok_r(NULL, " \t", &save), &rule.errnum)) return;
	} else {
		fault(p, "a rule begins with allow, errno, kill, default or foreign, not \"%s\"", word);
		return;
	}

	char *calls[64];
	unsigned ncalls = 0;
	while ((word = strtok_r(NULL, " \t", &save)) && !same(word, "if")) {
		if (ncalls == sizeof calls / sizeof calls[0]) {
			fault(p, "more than %zu calls in one rule", sizeof calls / sizeof calls[0]);
			return;
		}
		calls[ncalls++] = word;
	}
	if (!ncalls) {
		fault(p, "the rule names no call");
		return;
	}
	if (word && ncalls > 1) {
		fault(p, "a condition speaks of one call: its arguments mean other things in others");
		return;
	}
	if (word && !read_conditions(p, &save, &rule)) return;
	for (unsigned i = 0; i < ncalls; i++)
		if (read_call(p, calls[i], &rule)) add_rule(p, &rule);
}

static void check_whole(struct parser *p)
{
	const struct sp_rules *rules = p->rules;
	if (!rules->fallback.line) fault(p, "there is no line for \"default\"");
	if (!rules->foreign.line) fault(p, "there is no line for \"foreign\"");
	for (unsigned i = 0; i < rules->count; i++) {
		const struct sp_rule *rule = &rules->rule[i];
		p->line = rule->line;
		if (!p->said[rule->nr]) {
			fault(p, "%s has no last rule without a condition", rule->name);
			p->said[rule->nr] = rule->line; /* once is enough */
		}
	}
}

unsigned sp_rules_read(FILE *in, const char *file, struct sp_rules *rules, FILE *diag)
{
	struct parser p = {.file = file, .diag = diag, .rules = rules};
	memset(rules, 0, sizeof *rules);

	char line[SP_RULE_LINE_MAX];
	while (fgets(line, sizeof line, in)) {
		p.line++;
		size_t len = strlen(line);
		if (len == sizeof line - 1 && line[len - 1] != '\n') {
			fault(&p, "the line is longer than %zu characters", sizeof line - 2);
			return p.faults;
		}
		line[strcspn(line, "\n")] = 0;
		char *text = line + strspn(line, " \t");
		if (!*text || *text == '#') continue;

		char *reason = strchr(text, '#');
		if (reason) {
			*reason++ = 0;
			reason += strspn(reason, " \t");
		}
		if (!reason || strlen(reason) < SP_RULE_REASON_MIN) {
			fault(&p, "the rule has no reason: end the line with \"# why\"");
			continue;
		}
		read_rule(&p, text);
	}
	if (ferror(in)) fault(&p, "read error: %s", strerror(errno));
	check_whole(&p);
	return p.faults;
}

bool sp_rule_holds(const struct sp_rule *rule, const uint64_t args[6])
{
	for (unsigned i = 0; i < rule->nconds; i++) {
		const struct sp_rule_cond *cond = &rule->conds[i];
		uint64_t arg = args[cond->arg] & cond->mask;
		bool found = false;
		for (unsigned v = 0; v < cond->nvalues; v++) found = found || cond->values[v] == arg;
		if (found == cond->differs) return false;
	}
	return true;
}
