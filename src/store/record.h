/* SPDX-License-Identifier: MIT */
/* What the store keeps of an evaluation. The legal moves between states are core/evaluation.h; the SQL that makes them is each back-end's. */
#ifndef SP_STORE_RECORD_H
#define SP_STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

/* Stored as this number: never renumber. */
enum sp_status {
	SP_STATUS_CREATED = 0, /* the row is durable; waits for an evaluator */
	SP_STATUS_EVALUATING = 1, /* claimed; lease_until_ms and claim_no are the claim */
	SP_STATUS_FINISHED =
	        2, /* terminal: the program ended by itself, or a limit other than time ended it, or compile/dependencies/git failed */
	SP_STATUS_TIMEOUT = 3, /* terminal: wall or cpu limit */
	SP_STATUS_FAILED = 4, /* terminal: we could not run it (verdict internal_error) */
	SP_STATUS_CANCELED = 5 /* terminal */
};

/* Stored as this number. Interactive: somebody waits (sync, or async that asks for it). Bulk: async default, batches. */
enum sp_class { SP_CLASS_INTERACTIVE = 0, SP_CLASS_BULK = 1 };
#define SP_CLASSES 2

#define SP_VERDICT_LEN 24 /* with NUL, as every *_LEN here */
#define SP_STAGE_LEN 16
#define SP_LANGUAGE_LEN 32
#define SP_REFERENCE_LEN 129
#define SP_SIGNAL_LEN 16
#define SP_EVALUATOR_LEN 64
#define SP_KEY_ID_LEN 17 /* core/account.h tells what a key is */
#define SP_KEY_HASH_BYTES 32
#define SP_KEY_NAME_LEN 65
#define SP_EMAIL_LEN 255
#define SP_IDEMPOTENCY_KEY_LEN 256
#define SP_BODY_HASH_BYTES 32

/* The queried columns. Text fields are "" when null unless a has_ field says so. Times: wall milliseconds of the store's clock, 0 when null. */
struct sp_evaluation {
	struct sp_id id;
	enum sp_status status;
	enum sp_class class_;
	char language[SP_LANGUAGE_LEN]; /* canonical id, never an alias */
	char verdict[SP_VERDICT_LEN];
	char stage[SP_STAGE_LEN];
	char signal[SP_SIGNAL_LEN];
	bool has_exit_code, has_reference;
	bool has_user; /* false: made in open mode */
	int32_t exit_code;
	char reference[SP_REFERENCE_LEN];
	struct sp_id user_id; /* whose it is, when has_user */
	char key_id[SP_KEY_ID_LEN]; /* of the key that it was made with */
	int32_t max_running; /* it waits while so many evaluations of its key run; 0: no bound */
	int32_t max_runs; /* its program is begun so often at most; 0: no bound but that of lost leases */
	int32_t begun; /* times it was given back after its program may have begun */
	int64_t claim_no; /* grows with every claim; the fence */
	int32_t lost; /* leases that ran out */
	bool cancel_requested;
	char evaluator_id[SP_EVALUATOR_LEN];
	int64_t created_at_ms, started_at_ms, finished_at_ms, lease_until_ms;
};

/* Bytes with their length. Owned by the struct that holds them unless its comment says "borrowed". */
struct sp_bytes {
	char *p;
	size_t n;
};

/* The data beside the row (table evaluation_data). */
struct sp_evaluation_data {
	struct sp_bytes request; /* normalised request body: core/request.h, versioned JSON */
	struct sp_bytes result; /* JSON object of what is not queried: core/result.h; empty until terminal */
	struct sp_bytes output; /* what the last stage printed, in order of arrival */
	struct sp_bytes segments; /* which pieces of output are which stream: core/result.h */
	struct sp_bytes compile_output; /* what the compiler printed, when a later stage ran */
};

struct sp_stored {
	struct sp_evaluation row;
	struct sp_evaluation_data data; /* empty unless asked for */
	bool has_data; /* when data was asked for: it is still there (retention takes it before the row) */
};
void sp_stored_fini(struct sp_stored *s); /* frees the data */
void sp_evaluation_data_fini(struct sp_evaluation_data *d);

/* Stored as this number. */
enum sp_role { SP_ROLE_USER = 0, SP_ROLE_ADMIN = 1 };

struct sp_user {
	struct sp_id id;
	char email[SP_EMAIL_LEN]; /* in the form of sp_email_normalise() (core/account.h); unique */
	enum sp_role role;
	int64_t created_at_ms;
};

/* An API key without its secret. Its limits: 0 is the server's default. */
struct sp_key {
	char id[SP_KEY_ID_LEN];
	struct sp_id user_id;
	unsigned char hash[SP_KEY_HASH_BYTES]; /* BLAKE2b-256 of the secret */
	char name[SP_KEY_NAME_LEN]; /* what its owner calls it; may be "" */
	int32_t rate_per_minute, max_waiting, max_running;
	int64_t created_at_ms;
	int64_t revoked_at_ms; /* 0: it works */
};

bool sp_status_terminal(enum sp_status s);
const char *sp_status_name(enum sp_status s); /* "created" … "canceled" */

#endif
