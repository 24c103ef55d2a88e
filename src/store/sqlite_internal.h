/* SPDX-License-Identifier: MIT */
/*
 * The SQLite back-end, in pieces: sqlite.c (open and close), the operations in sqlite_create.c, sqlite_claim.c (all moves of a row), sqlite_read.c, sqlite_accounts.c and sqlite_history.c;
 * sqlite_writer.c (the one thread that writes), sqlite_waiting.c (what it counts), sqlite_conn.c (connections, statements, readers), sqlite_sql.c (the statements themselves), sqlite_schema.c (migrations),
 * sqlite_file.c (directory, lock). Functions named do_… run on the writer thread, inside a savepoint.
 *
 * Theory of operation. Every write is a job on the stack of the thread that wants it. The writer thread takes all jobs that wait, runs each in a savepoint of
 * one transaction, commits, and only then answers. So the disk is asked to flush once for many callers, and nobody is told of anything that a power cut
 * could take back. Readers have connections of their own (WAL: they neither wait for the writer nor hold it up).
 * "sqlite::memory:" has one connection, which writer and readers pass to each other.
 */
#ifndef SP_STORE_SQLITE_INTERNAL_H
#define SP_STORE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/accounts.h"
#include "store/history.h"
#include "store/store.h"

/* sqlite_sql.c */

enum sp_sql {
	SP_SQL_BEGIN,
	SP_SQL_COMMIT,
	SP_SQL_ROLLBACK,
	SP_SQL_SAVEPOINT,
	SP_SQL_SAVEPOINT_RELEASE,
	SP_SQL_SAVEPOINT_ROLLBACK,
	SP_SQL_READ,
	SP_SQL_DATA_VERSION,
	SP_SQL_CREATE,
	SP_SQL_CREATE_DATA,
	SP_SQL_USER_EXISTS,
	SP_SQL_COUNT_KEY_WAITING,
	SP_SQL_IDEMPOTENCY,
	SP_SQL_IDEMPOTENCY_PUT,
	SP_SQL_CLAIM,
	SP_SQL_REQUEST,
	SP_SQL_JUDGE,
	SP_SQL_JUDGE_DATA,
	SP_SQL_RELEASE,
	SP_SQL_FINISH,
	SP_SQL_FINISH_DATA,
	SP_SQL_RENEW,
	SP_SQL_CANCEL_RUNNING,
	SP_SQL_GET,
	SP_SQL_GET_DATA,
	SP_SQL_STATUS,
	SP_SQL_SCAN_WAITING,
	SP_SQL_SCAN_KEYS,
	SP_SQL_SCAN_OF_KEY,
	SP_SQL_SCAN_EXPIRED,
	SP_SQL_COUNT_WAITING,
	SP_SQL_END_LEASES,
	SP_SQL_USER_ADD,
	SP_SQL_USER_BY_ID,
	SP_SQL_USER_BY_EMAIL,
	SP_SQL_USER_LIST,
	SP_SQL_USER_BURY,
	SP_SQL_USER_BURIED,
	SP_SQL_USER_REMOVE,
	SP_SQL_ADMIN_EXISTS,
	SP_SQL_KEY_ADD,
	SP_SQL_KEY_COUNT,
	SP_SQL_KEY_GET,
	SP_SQL_KEY_LIST,
	SP_SQL_KEY_REVOKE,
	SP_SQL_KEYS_DELETE,
	SP_SQL_LIST_ALL,
	SP_SQL_LIST_USER,
	SP_SQL_LIST_REFERENCE,
	SP_SQL_LIST_USER_REFERENCE,
	SP_SQL_ERASE,
	SP_SQL_DUE_ROWS,
	SP_SQL_DUE_DATA,
	SP_SQL_OF_USER,
	SP_SQL_DELETE_DATA,
	SP_SQL_DELETE_IDEMPOTENCY,
	SP_SQL_DELETE_REVOKED,
	SP_SQL_FREE_PAGES,
	SP_SQL_STATISTICS,
	SP_SQL_PING,
	SP_SQL_COUNT_ /* number of statements; not a statement */
};
const char *sp_sqlite_sql(enum sp_sql q);

/* Columns of the statements that give a whole row (SP_SQL_ROW in sqlite_sql.c); the data columns of GET_DATA follow. */
#define SP_SQL_ROW_COLUMNS 22

/* sqlite_conn.c: a connection belongs to one thread at a time. */

struct sp_sqlite_conn {
	sqlite3 *db;
	sqlite3_stmt *stmts[SP_SQL_COUNT_]; /* prepared on first use, kept */
	struct sp_sqlite_conn *next; /* in the list of idle readers */
};

enum sp_sqlite_role { SP_SQLITE_WRITER, SP_SQLITE_READER };

struct sp_sqlite_conn *sp_sqlite_conn_open(
        const char *path, enum sp_sqlite_role role, struct sp_err *err) SP_MUSTCHECK; /* path NULL: memory */
void sp_sqlite_conn_close(struct sp_sqlite_conn *c); /* NULL is fine */

/* The prepared statement, reset and without bindings, or NULL. It stays the connection's; end its use with sqlite3_reset(). */
sqlite3_stmt *sp_sqlite_stmt(struct sp_sqlite_conn *c, enum sp_sql q, struct sp_err *err) SP_MUSTCHECK;

/* Runs a statement that has no rows and no parameters. */
int sp_sqlite_run(struct sp_sqlite_conn *c, enum sp_sql q, struct sp_err *err) SP_MUSTCHECK;

/* Turns an SQLite result code into an error. What the disk did (full, read-only, failing) and locks are SP_E_UNAVAILABLE: the same call may succeed later. */
int sp_sqlite_fail(struct sp_err *err, sqlite3 *db, int rc, const char *what);

/* Column as owned bytes (NULL and empty: {NULL, 0}). */
int sp_sqlite_bytes(sqlite3_stmt *st, int column, struct sp_bytes *out, struct sp_err *err) SP_MUSTCHECK;
void sp_sqlite_row(sqlite3_stmt *st, struct sp_evaluation *out); /* the first SP_SQL_ROW_COLUMNS columns */

/* Parameters. Borrowed: the statement is reset before they end. NULL and empty bytes are left unbound, which is NULL. */
void sp_sqlite_bind_id(sqlite3_stmt *st, int at, const struct sp_id *id);
void sp_sqlite_bind_text(sqlite3_stmt *st, int at, const char *s);
void sp_sqlite_bind_bytes(sqlite3_stmt *st, int at, const struct sp_bytes *b);
/* Where a scan begins: after this id, or NULL: at the first one; and the same downwards. */
void sp_sqlite_bind_after(sqlite3_stmt *st, int at, const struct sp_id *after);
void sp_sqlite_bind_before(sqlite3_stmt *st, int at, const struct sp_id *before);
bool sp_sqlite_column_id(sqlite3_stmt *st, int column, struct sp_id *out);
void sp_sqlite_column_text(sqlite3_stmt *st, int column, char *out, size_t size);

/* Runs a write that gives no row. */
int sp_sqlite_run_write(struct sp_sqlite_conn *c, sqlite3_stmt *st, const char *what, struct sp_err *err) SP_MUSTCHECK;
/* Runs a write that gives the changed evaluation, if there is one: 1, 0, or -1. */
int sp_sqlite_run_returning(
        struct sp_sqlite_conn *c, sqlite3_stmt *st, const char *what, struct sp_evaluation *row, struct sp_err *err) SP_MUSTCHECK;
/* Steps a read: 1 a row, 0 none; then the caller resets it. -1 with *err; then it has been reset. */
int sp_sqlite_step(struct sp_sqlite_conn *c, sqlite3_stmt *st, const char *what, struct sp_err *err) SP_MUSTCHECK;
/* The evaluation of this id: 1 found, 0 absent, -1. */
int sp_sqlite_load_row(struct sp_sqlite_conn *c, const struct sp_id *id, struct sp_evaluation *out, struct sp_err *err) SP_MUSTCHECK;

#define SP_SQLITE_READERS 8

struct sp_sqlite_pool {
	const char *path;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct sp_sqlite_conn *idle;
	int open, max; /* connections that exist, in use or idle */
};
void sp_sqlite_pool_init(struct sp_sqlite_pool *p, const char *path, int max);
void sp_sqlite_pool_fini(struct sp_sqlite_pool *p); /* all must be back */
struct sp_sqlite_conn *sp_sqlite_pool_take(
        struct sp_sqlite_pool *p, struct sp_err *err) SP_MUSTCHECK; /* waits for one when max are in use */
void sp_sqlite_pool_give(struct sp_sqlite_pool *p, struct sp_sqlite_conn *c);

/* sqlite_writer.c */

struct sp_sqlite;

/* One write. On the caller's stack, as the first member of a struct with arguments and results; both outlive the call. */
struct sp_sqlite_job {
	/* Writer thread, inside a savepoint: 0, or -1 with *err; then the savepoint is undone. */
	int (*run)(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_sqlite_job *job, struct sp_err *err);
	size_t bytes; /* about how much it writes */
	int64_t waiting; /* out: by how much it changed the number of rows with status created; sp_sqlite_note_waiting() */
	bool noted; /* it has changed what is known of keys, too: forgotten if it is undone */
	int rc;
	struct sp_err err;
	sem_t done;
	struct sp_sqlite_job *next;
};

/* How many evaluations of a key wait, of those keys that were asked for lately. The writer thread's own. It includes what the transaction under way has changed, and is forgotten as a whole when
 * something of that is undone: the next question counts anew. */
#define SP_SQLITE_KEYS 1024
struct sp_sqlite_key_counts {
	size_t n;
	struct sp_sqlite_key_count {
		char id[SP_KEY_ID_LEN]; /* "": free */
		int64_t waiting;
	} at[SP_SQLITE_KEYS];
};

struct sp_sqlite_writer {
	struct sp_sqlite_conn *conn; /* NULL: to be opened again; memory: of the pool while no group runs */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards what follows up to the blank line */
	pthread_cond_t arrived;
	struct sp_sqlite_job *head, **tail;
	size_t queued;
	bool stopping;

	/* The writer thread's own. */
	int64_t waiting; /* rows with status created, as committed */
	int64_t pending; /* the same, by the group under way */
	size_t last_group; /* jobs of the previous group, and when it was answered */
	int64_t last_ns;
	int64_t lost_groups; /* commits that failed since the last good one */
	int64_t data_version; /* changes when another process has written (sp_store_open_beside) */
	struct sp_sqlite_key_counts keys;
	int wal_pages; /* pages in the write-ahead log after the last commit */
};

struct sp_sqlite {
	struct sp_store super;
	char *path; /* canonical; NULL: memory */
	int lock_fd; /* holds the lock file; -1: memory, or beside */
	bool beside; /* another process has the lock */
	int64_t epoch; /* sp_sqlite_now(): wall minus monotonic time at open, in ms */
	struct sp_sqlite_pool pool;
	struct sp_sqlite_writer writer;
};

/* sqlite_waiting.c */

/* Rows with status created: counts those of the database, and forgets what is known of keys. */
int sp_sqlite_count_waiting(struct sp_sqlite *s, struct sp_sqlite_conn *c, struct sp_err *err) SP_MUSTCHECK;
/* Inside a job: this many more (fewer) of a key wait; key_id "" is none. */
void sp_sqlite_note_waiting(struct sp_sqlite *s, struct sp_sqlite_job *job, const char *key_id, int delta);
/* Inside a job: how many of a key wait. */
int sp_sqlite_key_waiting(struct sp_sqlite *s, struct sp_sqlite_conn *c, const char *key_id, int64_t *out, struct sp_err *err) SP_MUSTCHECK;
void sp_sqlite_forget_keys(struct sp_sqlite *s);

int sp_sqlite_writer_start(struct sp_sqlite *s, struct sp_err *err) SP_MUSTCHECK; /* conn and waiting are set */
void sp_sqlite_writer_stop(struct sp_sqlite *s); /* runs what is queued, then ends the thread; the connection stays */
int sp_sqlite_submit(struct sp_sqlite *s, struct sp_sqlite_job *job, struct sp_err *err) SP_MUSTCHECK; /* waits until committed */

/* Steps a statement that writes. Like sqlite3_step(), but here tests make the n-th one fail. */
int sp_sqlite_step_write(sqlite3_stmt *st);

/* Fault points for tests: called before the act with "store.begin", "store.statement", "store.commit", "store.checkpoint" or "store.reopen"; an SQLite code other than
 * SQLITE_OK is what the act then fails with, undone. NULL in production. */
typedef int (*sp_sqlite_fault_fn)(const char *point);
extern _Atomic(sp_sqlite_fault_fn) sp_sqlite_fault;

/* The clock of leases: wall time at open plus monotonic time since, so that neither a clock that is set nor a suspended laptop ends leases. They never outlive the
 * process (the next open ends them all), so nobody compares them with another clock. */
int64_t sp_sqlite_now(const struct sp_sqlite *s);

/* Runs SQL as one write. For tests, which bring about what no operation does. */
int sp_sqlite_exec(struct sp_store *s, const char *sql, struct sp_err *err) SP_MUSTCHECK;

/* The operations. */
int sp_sqlite_create(struct sp_store *store, const struct sp_new_evaluation *in, enum sp_create_outcome *outcome, struct sp_evaluation *out,
        struct sp_err *err);
int sp_sqlite_claim(struct sp_store *store, const struct sp_claim_request *in, enum sp_claim_outcome *outcome, struct sp_stored *out,
        struct sp_err *err);
int sp_sqlite_release(struct sp_store *store, const struct sp_id *id, int64_t claim_no, bool began, bool *applied, struct sp_err *err);
int sp_sqlite_finish(struct sp_store *store, const struct sp_finish *in, bool *applied, struct sp_err *err);
int sp_sqlite_renew(
        struct sp_store *store, const char *evaluator_id, int64_t lease_ms, struct sp_lease *leases, size_t n, struct sp_err *err);
int sp_sqlite_cancel(struct sp_store *store, const struct sp_id *id, enum sp_cancel why, struct sp_evaluation *out, struct sp_err *err);
int sp_sqlite_get(struct sp_store *store, const struct sp_id *id, bool with_data, struct sp_stored *out, struct sp_err *err);
int sp_sqlite_scan(struct sp_store *store, const struct sp_scan_request *in, struct sp_scan_item *items, size_t max, struct sp_err *err);
int sp_sqlite_sweep(struct sp_store *store, const struct sp_id *ids, size_t n, bool *terminal, struct sp_err *err);
extern const struct sp_store_accounts_ops sp_sqlite_accounts;
extern const struct sp_store_history_ops sp_sqlite_history;

/* sqlite_history.c: deletes what `q` (one of OF_USER, DUE_ROWS, DUE_DATA; parameters bound by `bind`) finds, at most max, in transactions of bounded length. How many, or -1. */
int64_t sp_sqlite_delete_found(struct sp_sqlite *s, enum sp_sql q, void (*bind)(sqlite3_stmt *st, const void *cls), const void *cls,
        int64_t max, struct sp_err *err) SP_MUSTCHECK;

/* sqlite_accounts.c: removes the evaluations of a deleted user, at most max, then what is left of the user. How many, or -1. */
int64_t sp_sqlite_clear_buried(struct sp_sqlite *s, const struct sp_id *id, int64_t max, struct sp_err *err) SP_MUSTCHECK;

/* Refuses what would disturb the process that has the database. */
int sp_sqlite_refuse_beside(const struct sp_sqlite *s, struct sp_err *err) SP_MUSTCHECK;

/* sqlite_schema.c: SP_E_INVALID for the database of another program; only reads. */
int sp_sqlite_check_owner(sqlite3 *db, struct sp_err *err) SP_MUSTCHECK;
/* sqlite_schema.c: brings the schema to the newest version; refuses a newer one and a database that is not ours. */
struct sp_migration;
int sp_sqlite_migrate(sqlite3 *db, const struct sp_migration *list, struct sp_err *err) SP_MUSTCHECK;
/* sqlite_schema.c: SP_E_UNSUPPORTED unless the schema is the newest one of the list; only reads. */
int sp_sqlite_check_schema(sqlite3 *db, const struct sp_migration *list, struct sp_err *err) SP_MUSTCHECK;

/* sqlite_file.c */

/* Makes directory (0700) and file (0600), refuses network file systems, takes the lock. *path: canonical, free with free(); *lock_fd: the lock lives as long as it is open. What root makes in
 * somebody's directory is made that one's. beside: if another process has the lock, that is no error: *lock_fd is -1. */
int sp_sqlite_file_prepare(const char *given, bool beside, char **path, int *lock_fd, struct sp_err *err) SP_MUSTCHECK;
void sp_sqlite_file_unlock(int lock_fd);
/* Name of a network file system by its f_type of statfs(2), or NULL. */
const char *sp_sqlite_network_fs(unsigned long f_type);

#endif
