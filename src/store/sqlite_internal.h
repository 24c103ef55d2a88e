/* SPDX-License-Identifier: MIT */
/*
 * The SQLite back-end, in pieces: sqlite.c (the operations, open and close), sqlite_writer.c (the one thread that writes), sqlite_conn.c
 * (connections, statements, readers), sqlite_sql.c (the statements themselves), sqlite_schema.c (migrations), sqlite_file.c (directory, lock).
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
	SP_SQL_CREATE,
	SP_SQL_CREATE_DATA,
	SP_SQL_CLAIM,
	SP_SQL_REQUEST,
	SP_SQL_JUDGE,
	SP_SQL_JUDGE_DATA,
	SP_SQL_RELEASE,
	SP_SQL_FINISH,
	SP_SQL_FINISH_DATA,
	SP_SQL_RENEW,
	SP_SQL_GET,
	SP_SQL_GET_DATA,
	SP_SQL_STATUS,
	SP_SQL_SCAN_WAITING,
	SP_SQL_SCAN_EXPIRED,
	SP_SQL_COUNT_WAITING,
	SP_SQL_END_LEASES,
	SP_SQL_PING,
	SP_SQL_COUNT_ /* number of statements; not a statement */
};
const char *sp_sqlite_sql(enum sp_sql q);

/* Columns of the statements that give a whole row (SP_SQL_ROW in sqlite_sql.c); the data columns of GET_DATA follow. */
#define SP_SQL_ROW_COLUMNS 17

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
	int64_t waiting; /* out: by how much it changed the number of rows with status created */
	int rc;
	struct sp_err err;
	sem_t done;
	struct sp_sqlite_job *next;
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
	int wal_pages; /* pages in the write-ahead log after the last commit */
};

struct sp_sqlite {
	struct sp_store super;
	char *path; /* canonical; NULL: memory */
	int lock_fd; /* holds the lock file; -1: memory */
	int64_t epoch; /* sp_sqlite_now(): wall minus monotonic time at open, in ms */
	struct sp_sqlite_pool pool;
	struct sp_sqlite_writer writer;
};

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

/* sqlite_schema.c: SP_E_INVALID for the database of another program; only reads. */
int sp_sqlite_check_owner(sqlite3 *db, struct sp_err *err) SP_MUSTCHECK;
/* sqlite_schema.c: brings the schema to the newest version; refuses a newer one and a database that is not ours. */
struct sp_migration;
int sp_sqlite_migrate(sqlite3 *db, const struct sp_migration *list, struct sp_err *err) SP_MUSTCHECK;

/* sqlite_file.c */

/* Whether a database could be here, for this user; makes nothing. What prepare begins with. */
int sp_sqlite_file_look(const char *given, struct sp_err *err) SP_MUSTCHECK;
/* Makes directory (0700) and file (0600), refuses network file systems, takes the lock. *path: canonical, free with free(); *lock_fd: the lock lives as long as it is open. */
int sp_sqlite_file_prepare(const char *given, char **path, int *lock_fd, struct sp_err *err) SP_MUSTCHECK;
void sp_sqlite_file_unlock(int lock_fd);
/* Name of a network file system by its f_type of statfs(2), or NULL. */
const char *sp_sqlite_network_fs(unsigned long f_type);

#endif
