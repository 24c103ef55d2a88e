/* SPDX-License-Identifier: MIT */
/*
 * Reload: the newest configuration stands beside the first. It is shared by those who hold it and freed by the last of them after a newer one has come. The first belongs to whoever loaded it, is not counted,
 * and outlives all.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/config_rows.h"

struct sp_config_live {
	pthread_mutex_t lock;
	struct sp_config *newest; /* with one reference that is ours; NULL: nothing was reloaded yet */
};

void sp_config_live_init(struct sp_config *c)
{
	c->_live = sp_new(struct sp_config_live);
	pthread_mutex_init(&c->_live->lock, NULL);
}

/* Under the lock, or when nobody else is there. */
static void unref(struct sp_config *c)
{
	if (!c || --c->_refs > 0) return;
	sp_config_free_texts(c);
	free(c);
}

void sp_config_live_fini(struct sp_config *c)
{
	if (!c->_live) return;
	unref(c->_live->newest);
	pthread_mutex_destroy(&c->_live->lock);
	free(c->_live);
}

const struct sp_config *sp_config_hold(const struct sp_config *c)
{
	struct sp_config_live *l = c->_live;

	if (!l) return c; /* made by hand */
	pthread_mutex_lock(&l->lock);
	struct sp_config *newest = l->newest;
	if (newest) newest->_refs++;
	pthread_mutex_unlock(&l->lock);
	return newest ? newest : c;
}

void sp_config_drop(const struct sp_config *c)
{
	if (!c || !c->_live) return;
	struct sp_config_live *l = c->_live;
	pthread_mutex_lock(&l->lock);
	/* Only the first has none, and it does not change its count: it may be shared by more threads than hold this lock. */
	if (c->_refs) unref((struct sp_config *)(uintptr_t)c);
	pthread_mutex_unlock(&l->lock);
}

/* The value of one row in *to becomes the one in *from. */
static void take_over(struct sp_config *to, const struct sp_config *from, size_t i)
{
	const struct sp_option *o = &sp_options[i];
	const char *at = (const char *)from + o->offset;

	if (sp_option_is_text(o)) {
		free(*sp_option_text(to, o));
		*sp_option_text(to, o) = sp_strdup(*(const char *const *)(const void *)at);
	} else {
		*sp_option_number(to, o) = *(const int64_t *)(const void *)at;
	}
	to->_origin[i] = from->_origin[i];
}

struct change {
	char *from, *to;
	size_t row;
};

int sp_config_reload(const struct sp_config *c, const char *file, char **environ_, const struct sp_setting *flags, size_t nflags,
        void (*tell)(void *cls, const struct sp_config_change *change), void *cls, struct sp_err *err)
{
	struct change changes[SP_CONFIG_ROWS_MAX];
	struct sp_config *made = sp_new(struct sp_config);
	size_t n = 0;

	if (sp_config_load(made, file, environ_, flags, nflags, err) < 0) {
		free(made);
		return -1;
	}
	sp_autoconfig const struct sp_config *old = sp_config_hold(c);
	for (size_t i = 0; i < sp_options_count; i++) {
		/* Some defaults depend on who asks, and the service may have become another user: a default is never a change of a default. */
		if (made->_origin[i] == SP_ORIGIN_DEFAULT && old->_origin[i] == SP_ORIGIN_DEFAULT) {
			take_over(made, old, i);
			continue;
		}
		struct change d = {.from = sp_option_show(old, &sp_options[i]), .to = sp_option_show(made, &sp_options[i]), .row = i};
		if (!sp_options[i].reload) take_over(made, old, i);
		if (strcmp(d.from, d.to) != 0) {
			changes[n++] = d;
			continue;
		}
		free(d.from);
		free(d.to);
	}
	int rc = sp_config_check(made, err); /* what was taken over stands beside what is new */
	for (size_t k = 0; k < n; k++) {
		const struct sp_option *o = &sp_options[changes[k].row];
		struct sp_config_change told = {.key = o->key, .from = changes[k].from, .to = changes[k].to, .applied = o->reload};
		if (rc == 0) tell(cls, &told);
		free(changes[k].from);
		free(changes[k].to);
	}
	if (rc) {
		sp_config_fini(made);
		free(made);
		return -1;
	}
	sp_config_live_fini(made);
	made->_live = c->_live;
	made->_refs = 1;
	pthread_mutex_lock(&c->_live->lock);
	unref(c->_live->newest);
	c->_live->newest = made;
	pthread_mutex_unlock(&c->_live->lock);
	return 0;
}
