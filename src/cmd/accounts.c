/* SPDX-License-Identifier: MIT */
/*
 * `serapis user` and `serapis key`: users and API keys, straight in the store that the configuration names. Whoever may write there may do this; that is how the first administrator is made. They work beside a service that runs.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "core/account.h"
#include "store/accounts.h"

#define PAGE 200

struct call {
	struct sp_cmd_settings settings;
	const char *word; /* the argument that is no option */
	int nwords;
	const char *name;
	bool admin, json, yes;
	struct sp_new_key key; /* bounds */
	struct sp_config cfg;
	struct sp_store *store;
};

static int take_bound(const char *option, const char *text, int32_t *out)
{
	size_t digits = strspn(text, "0123456789");
	long v = digits && digits <= 8 && !text[digits] ? strtol(text, NULL, 10) : 0;

	if (v < 1 || v > 10000000) {
		sp_cmd_complain("%s is '%.40s'; it must be a whole number from 1 to 10000000", option, text);
		return -1;
	}
	*out = (int32_t)v;
	return 1;
}

/* Who takes which options. */
enum { ADMIN = 1, KEY = 2 /* name and bounds */, YES = 4, JSON = 8 };

struct option {
	const char *name;
	unsigned kind;
	bool *flag; /* one of the three */
	const char **text;
	int32_t *bound;
};

/* 1 taken, 0 none that the verb takes (*foreign: another one does), -1 wrong (message printed) */
static int take_option(struct call *c, unsigned kinds, bool *foreign, int argc, char **argv, int *i)
{
	const struct option options[] = {
	        {"--admin", ADMIN, .flag = &c->admin},
	        {"--yes", YES, .flag = &c->yes},
	        {"--json", JSON, .flag = &c->json},
	        {"--name", KEY, .text = &c->name},
	        {"--rate-per-minute", KEY, .bound = &c->key.rate_per_minute},
	        {"--max-waiting", KEY, .bound = &c->key.max_waiting},
	        {"--max-running", KEY, .bound = &c->key.max_running},
	};

	for (size_t k = 0; k < SP_COUNT(options); k++) {
		const struct option *o = &options[k];
		size_t n = strlen(o->name);
		if (strncmp(argv[*i], o->name, n) != 0 || (argv[*i][n] && (o->flag || argv[*i][n] != '='))) continue;
		*foreign = !(kinds & o->kind);
		if (*foreign) return 0;
		if (o->flag) {
			*o->flag = true;
			return 1;
		}
		const char *value;
		int got = sp_cmd_take_value(argc, argv, i, o->name, &value);
		if (got > 0 && o->bound) return take_bound(o->name, value, o->bound);
		if (got > 0) *o->text = value;
		return got;
	}
	int got = sp_cmd_take_setting(argc, argv, i, &c->settings);
	if (got != 0 || argv[*i][0] == '-') return got;
	c->word = argv[*i];
	c->nwords++;
	return 1;
}

/* ---- what is shown ---- */

static void format_time(int64_t ms, char out[SP_RFC3339_LEN])
{
	if (ms)
		sp_format_rfc3339(out, ms);
	else
		snprintf(out, SP_RFC3339_LEN, "-");
}

/* One that is not set is the server's, which may have others than this command. */
static void format_bound(int32_t v, char out[16])
{
	if (v)
		snprintf(out, 16, "%d", v);
	else
		snprintf(out, 16, "-");
}

/* Others have given it, through the API: nothing that a terminal would obey. */
static void format_name(const char *s, char out[SP_KEY_NAME_LEN])
{
	snprintf(out, SP_KEY_NAME_LEN, "%s", s);
	for (unsigned char *p = (unsigned char *)out; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)) *p = '?';
	sp_utf8_mend(out);
}

static const char *role_name(enum sp_role role) { return role == SP_ROLE_ADMIN ? "admin" : "user"; }

static void show_user(const struct call *c, const struct sp_user *u, const char *key)
{
	char id[SP_ID_TEXT], at[SP_RFC3339_LEN];

	sp_id_text(&u->id, id);
	format_time(u->created_at_ms, at);
	if (c->json) {
		json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "id", id, "email", u->email, "role", role_name(u->role), "created_at", at);
		if (key) json_object_set_new(o, "key", json_string(key));
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	} else if (key) {
		fprintf(stderr, "%s %s <%s>. The key is shown this once:\n", role_name(u->role), id, u->email);
		puts(key);
	} else {
		printf("%s  %-5s  %s  %s\n", id, role_name(u->role), at, u->email);
	}
}

static void show_key(const struct call *c, const struct sp_key *k, const char *text)
{
	char made[SP_RFC3339_LEN], revoked[SP_RFC3339_LEN];

	format_time(k->created_at_ms, made);
	format_time(k->revoked_at_ms, revoked);
	if (c->json) {
		json_t *o = json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:o}", "id", k->id, "name", k->name, "rate_per_minute",
		        k->rate_per_minute, "max_waiting", k->max_waiting, "max_running", k->max_running, "created_at", made, "revoked_at",
		        k->revoked_at_ms ? json_string(revoked) : json_null());
		if (text) json_object_set_new(o, "key", json_string(text));
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	} else if (text) {
		fputs("The key is shown this once:\n", stderr);
		puts(text);
	} else {
		char bounds[3][16], name[SP_KEY_NAME_LEN];
		format_bound(k->rate_per_minute, bounds[0]);
		format_bound(k->max_waiting, bounds[1]);
		format_bound(k->max_running, bounds[2]);
		format_name(k->name, name);
		printf("%s  made %s  revoked %-24s  rate/min %s  waiting %s  running %s  %s\n", k->id, made, revoked, bounds[0], bounds[1],
		        bounds[2], name);
	}
}

/* ---- what is done ---- */

static int failed(const struct sp_err *err)
{
	sp_cmd_complain("%s", err->msg);
	return SP_EXIT_FAILED;
}

/* By id or by email. */
static int find_user(struct call *c, const char *who, struct sp_user *out)
{
	struct sp_err err = {0};
	struct sp_id id;
	char email[SP_EMAIL_LEN];
	bool by_id = sp_id_parse(who, &id);

	if (!by_id && sp_email_normalise(who, strlen(who), email, &err) < 0) {
		sp_cmd_complain("'%.80s' is neither the id nor the email of a user", who);
		return -1;
	}
	if (sp_store_user_get(c->store, by_id ? &id : NULL, by_id ? NULL : email, out, &err) == 0) return 0;
	if (err.code == SP_E_NOT_FOUND)
		sp_cmd_complain("there is no user '%.80s'", who);
	else
		sp_cmd_complain("%s", err.msg);
	return -1;
}

static int new_key(struct call *c, char text[SP_KEY_TEXT_LEN], char id[SP_KEY_ID_LEN])
{
	if (c->name && strlen(c->name) >= SP_KEY_NAME_LEN) {
		sp_cmd_complain("--name has %zu bytes; at most %d are allowed", strlen(c->name), SP_KEY_NAME_LEN - 1);
		return -1;
	}
	if (c->name && !sp_utf8_valid(c->name, strlen(c->name))) {
		sp_cmd_complain("--name is not UTF-8");
		return -1;
	}
	sp_key_make(text, id, c->key.hash);
	c->key.id = id;
	c->key.name = c->name ? c->name : "";
	return 0;
}

static int user_add(struct call *c)
{
	char text[SP_KEY_TEXT_LEN], id[SP_KEY_ID_LEN], email[SP_EMAIL_LEN];
	struct sp_new_user in = {.id = sp_id_new(), .email = email, .role = c->admin ? SP_ROLE_ADMIN : SP_ROLE_USER, .key = &c->key};
	struct sp_user made;
	struct sp_err err = {0};

	if (sp_email_normalise(c->word, strlen(c->word), email, &err) < 0) return failed(&err);
	if (new_key(c, text, id) < 0) return SP_EXIT_USAGE;
	int rc = sp_store_user_add(c->store, &in, &made, &err) < 0 ? failed(&err) : SP_EXIT_OK;
	if (rc == SP_EXIT_OK) show_user(c, &made, text);
	sp_secret_wipe(text, sizeof(text));
	return rc;
}

static int user_list(struct call *c)
{
	struct sp_user list[PAGE];
	struct sp_err err = {0};
	struct sp_id before;
	int n = PAGE;

	for (bool first = true; n == PAGE; first = false) {
		if ((n = sp_store_user_list(c->store, first ? NULL : &before, list, PAGE, &err)) < 0) return failed(&err);
		for (int i = 0; i < n; i++) show_user(c, &list[i], NULL);
		if (n) before = list[n - 1].id;
	}
	return SP_EXIT_OK;
}

static int user_show(struct call *c)
{
	struct sp_user user;

	if (find_user(c, c->word, &user) < 0) return SP_EXIT_FAILED;
	show_user(c, &user, NULL);
	return SP_EXIT_OK;
}

static int user_delete(struct call *c)
{
	struct sp_user user;
	struct sp_err err = {0};

	if (find_user(c, c->word, &user) < 0) return SP_EXIT_FAILED;
	if (!c->yes) {
		sp_cmd_complain("this erases %s, the keys, and all evaluations with their output; add --yes to do it", user.email);
		return SP_EXIT_USAGE;
	}
	bool last;
	if (sp_store_user_is_last_admin(c->store, &user, &last, &err) < 0) return failed(&err);
	if (last) {
		sp_cmd_complain("%s is the only administrator; make another one first", user.email);
		return SP_EXIT_FAILED;
	}
	return sp_store_user_delete(c->store, &user.id, &err) < 0 ? failed(&err) : SP_EXIT_OK;
}

static int key_add(struct call *c)
{
	char text[SP_KEY_TEXT_LEN], id[SP_KEY_ID_LEN];
	struct sp_user user;
	struct sp_key made;
	struct sp_err err = {0};

	if (find_user(c, c->word, &user) < 0) return SP_EXIT_FAILED;
	if (new_key(c, text, id) < 0) return SP_EXIT_USAGE;
	int rc = sp_store_key_add(c->store, &user.id, &c->key, &made, &err) < 0 ? failed(&err) : SP_EXIT_OK;
	if (rc == SP_EXIT_OK) show_key(c, &made, text);
	sp_secret_wipe(text, sizeof(text));
	return rc;
}

static int key_list(struct call *c)
{
	struct sp_key list[PAGE];
	struct sp_user user;
	struct sp_err err = {0};

	if (find_user(c, c->word, &user) < 0) return SP_EXIT_FAILED;
	int n = sp_store_key_list(c->store, &user.id, list, PAGE, &err);
	if (n < 0) return failed(&err);
	for (int i = 0; i < n; i++) show_key(c, &list[i], NULL);
	/* Those that work come first, so that none of them is left out. */
	if (n == PAGE) sp_cmd_complain("there may be more: of revoked keys only the newest are shown");
	return SP_EXIT_OK;
}

static int key_revoke(struct call *c)
{
	const char *id = c->word;
	struct sp_key key;
	struct sp_err err = {0};

	if (strlen(id) != SP_KEY_ID_LEN - 1 || strspn(id, "0123456789abcdef") != SP_KEY_ID_LEN - 1) {
		sp_cmd_complain("'%.40s' is no id of a key: that is the %d characters between the underscores of srp_<id>_<secret>", id,
		        SP_KEY_ID_LEN - 1);
		return SP_EXIT_USAGE;
	}
	if (sp_store_key_revoke(c->store, id, NULL, &key, &err) < 0) {
		if (err.code != SP_E_NOT_FOUND) return failed(&err);
		sp_cmd_complain("there is no key '%s'", id);
		return SP_EXIT_FAILED;
	}
	show_key(c, &key, NULL);
	return SP_EXIT_OK;
}

/* ---- the commands ---- */

struct verb {
	const char *name;
	int (*fn)(struct call *c);
	int words;
	const char *takes; /* what its word is, for messages */
	unsigned kinds; /* of options */
};

static const struct verb user_verbs[] = {{"add", user_add, 1, "EMAIL", ADMIN | KEY | JSON}, {"list", user_list, 0, "", JSON},
        {"show", user_show, 1, "USER", JSON}, {"delete", user_delete, 1, "USER", YES}};
static const struct verb key_verbs[] = {
        {"add", key_add, 1, "USER", KEY | JSON}, {"list", key_list, 1, "USER", JSON}, {"revoke", key_revoke, 1, "KEY-ID", JSON}};

#define OPTIONS_HELP \
	"  --name TEXT          add: what the key is called\n" \
	"  --rate-per-minute N  add: BOUNDS of the key; those that are not given are the server's:\n" \
	"  --max-waiting N      auth.rate_per_minute, auth.max_waiting, auth.max_running\n" \
	"  --max-running N\n" \
	"  --json               one JSON object a line\n" \
	"  --store URL          the store; default: the configuration's\n" \
	"  --config FILE        the configuration file\n" \
	"  SETTINGS             see 'serapis config --help'"

static const char user_help[] =
        "usage: serapis user add [--admin] [--json] [--name TEXT] [BOUNDS] [SETTINGS] EMAIL\n"
        "       serapis user list [--json] [SETTINGS]\n"
        "       serapis user show [--json] [SETTINGS] USER\n"
        "       serapis user delete --yes [SETTINGS] USER\n\n"
        "Makes, shows and deletes users in the store that the configuration names, also while a service uses it. 'add' prints the new "
        "user's API key, which is shown this once. As long as there is no administrator the API answers callers on its own machine only, "
        "without keys; with the first one every request needs a key. USER is an id or an email. 'delete' erases the user with keys and "
        "evaluations.\n\n"
        "  --admin              add: an administrator\n"
        "  --yes                delete: really\n" OPTIONS_HELP;
static const char key_help[] =
        "usage: serapis key add [--json] [--name TEXT] [BOUNDS] [SETTINGS] USER\n"
        "       serapis key list [--json] [SETTINGS] USER\n"
        "       serapis key revoke [--json] [SETTINGS] KEY-ID\n\n"
        "Makes, shows and revokes API keys. 'add' prints the new key, which is shown this once. USER is an id or an email; KEY-ID is what "
        "stands between the underscores of a key, srp_KEY-ID_SECRET. A revoked key stops working within 10 seconds.\n\n" OPTIONS_HELP;

static int command(const char *what, const struct verb *verbs, size_t n, const char *help, int argc, char **argv)
{
	struct call c = {.nwords = 0};
	const struct verb *v = NULL;
	struct sp_err err = {0};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") != 0) continue;
		sp_cmd_print_help(stdout, help);
		return SP_EXIT_OK;
	}
	for (size_t i = 0; i < n && argc > 1; i++)
		if (!strcmp(argv[1], verbs[i].name)) v = &verbs[i];
	if (!v) {
		if (argc > 1)
			sp_cmd_complain("%s: no '%s'; serapis %s --help says what there is", what, argv[1], what);
		else
			sp_cmd_print_help(stderr, help);
		return SP_EXIT_USAGE;
	}
	for (int i = 2; i < argc; i++) {
		bool foreign = false;
		int got = take_option(&c, v->kinds, &foreign, argc, argv, &i);
		if (got == 0)
			sp_cmd_complain("%s %s: %s argument '%s'", what, v->name, foreign ? "this does not take the" : "unknown", argv[i]);
		if (got <= 0) return SP_EXIT_USAGE;
	}
	if (c.nwords != v->words) {
		sp_cmd_complain("%s %s takes %s%s", what, v->name, v->words ? "one argument: " : "no argument", v->takes);
		return SP_EXIT_USAGE;
	}
	if (sp_cmd_load(&c.settings, &c.cfg) < 0) return SP_EXIT_FAILED;
	sp_log_setup(SP_LOG_WARN, false); /* for people: that a new store was migrated is no news here */
	int rc = SP_EXIT_FAILED;
	if ((c.store = sp_store_open_beside(c.cfg.store, NULL, &err)))
		rc = v->fn(&c);
	else
		sp_cmd_complain("%s", err.msg);
	sp_store_close(c.store);
	sp_config_fini(&c.cfg);
	return sp_cmd_printed(rc);
}

int sp_cmd_user(int argc, char **argv) { return command("user", user_verbs, SP_COUNT(user_verbs), user_help, argc, argv); }

int sp_cmd_key(int argc, char **argv) { return command("key", key_verbs, SP_COUNT(key_verbs), key_help, argc, argv); }
