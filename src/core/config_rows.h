/* SPDX-License-Identifier: MIT */
/* The rows of the configuration: private to config*.c. */
#ifndef SP_CORE_CONFIG_ROWS_H
#define SP_CORE_CONFIG_ROWS_H

#include "core/config.h"

enum sp_kind { SP_KIND_TEXT, SP_KIND_CHOICE, SP_KIND_NUMBER, SP_KIND_DURATION, SP_KIND_BYTES };

struct sp_option {
	const char *key;
	enum sp_kind kind;
	const char *dflt; /* as people write it; NULL: computed at load, text only */
	size_t offset; /* in struct sp_config: char * or int64_t */
	int64_t min, max; /* numbers, durations in ms, bytes */
	const char *choices; /* "a|b|c" */
	const char *env; /* another variable that sets it, beside the one made from the key; NULL: none */
	bool reload; /* SIGHUP may change it */
	const char *help;
};

extern const struct sp_option sp_options[];
extern const size_t sp_options_count;

static inline bool sp_option_is_text(const struct sp_option *o) { return o->kind == SP_KIND_TEXT || o->kind == SP_KIND_CHOICE; }
static inline char **sp_option_text(struct sp_config *c, const struct sp_option *o) { return (char **)(void *)((char *)c + o->offset); }
static inline int64_t *sp_option_number(struct sp_config *c, const struct sp_option *o)
{
	return (int64_t *)(void *)((char *)c + o->offset);
}
/* The value in c as people write it, with the password of a URL hidden; free with free(). */
char *sp_option_show(const struct sp_config *c, const struct sp_option *o);
/* config_live.c */
void sp_config_live_init(struct sp_config *c);
void sp_config_live_fini(struct sp_config *c);
/* config.c: the texts alone. */
void sp_config_free_texts(struct sp_config *c);
/* config.c: combinations of values that cannot work. */
int sp_config_check(const struct sp_config *c, struct sp_err *err) SP_MUSTCHECK;

/* A value as people write it; free with free(). */
char *sp_option_format(enum sp_kind kind, int64_t v);
const char *sp_kind_name(enum sp_kind kind);

/* Values of the rows whose dflt is NULL. env: as environ(7). Free with free(). */
char *sp_config_default_store(char *const *env);
char *sp_config_default_languages_dir(void);
/* Value of a variable, or NULL. */
const char *sp_config_env(char *const *env, const char *name);

#endif
