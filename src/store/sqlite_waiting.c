/* SPDX-License-Identifier: MIT */
/* What the writer thread counts, so that the bounds of `create` cost no walk through all that waits. */
#include <stdio.h>
#include <string.h>

#include "store/sqlite_internal.h"

int sp_sqlite_count_waiting(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_err *err)
{
	sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_COUNT_WAITING, err);

	sp_sqlite_forget_keys(s);
	if (!st || sp_sqlite_step(c, st, "count what waits", err) < 0) return -1;
	s->writer.waiting = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

void sp_sqlite_forget_keys(struct sp_sqlite *s)
{
	if (s->writer.keys.n) memset(&s->writer.keys, 0, sizeof(s->writer.keys));
}

/* The key's place, or the free one where it would be: the table is never full. */
static struct sp_sqlite_key_count *place(struct sp_sqlite_key_counts *k, const char *key_id)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
	size_t i;

	for (const char *p = key_id; *p; p++) h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
	for (i = h % SP_SQLITE_KEYS; k->at[i].id[0] && strcmp(k->at[i].id, key_id) != 0; i = (i + 1) % SP_SQLITE_KEYS) continue;
	return &k->at[i];
}

void sp_sqlite_note_waiting(struct sp_sqlite *s, struct sp_sqlite_job *job, const char *key_id, int delta)
{
	job->waiting += delta;
	if (!key_id || !*key_id) return;
	struct sp_sqlite_key_count *c = place(&s->writer.keys, key_id);
	if (!c->id[0]) return; /* nobody has asked: nothing to keep right */
	c->waiting += delta;
	job->noted = true;
}

int sp_sqlite_key_waiting(struct sp_sqlite *s, struct sp_sqlite_conn *c, const char *key_id, int64_t *out, struct sp_err *err)
{
	struct sp_sqlite_key_counts *k = &s->writer.keys;
	struct sp_sqlite_key_count *at = place(k, key_id);

	if (!at->id[0]) {
		sqlite3_stmt *st = sp_sqlite_stmt(c, SP_SQL_COUNT_KEY_WAITING, err);
		if (!st) return -1;
		sp_sqlite_bind_text(st, 1, key_id);
		if (sp_sqlite_step(c, st, "count what waits of the key", err) < 0) return -1;
		int64_t waiting = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		if (k->n >= SP_SQLITE_KEYS * 3 / 4) sp_sqlite_forget_keys(s);
		at = place(k, key_id);
		snprintf(at->id, sizeof(at->id), "%s", key_id);
		at->waiting = waiting;
		k->n++;
	}
	*out = at->waiting;
	return 0;
}
