/* SPDX-License-Identifier: MIT */
/*
 * The result of an evaluation: how it is judged from what the steps did, its stored form, and the one JSON object that the API shows everywhere (api-examples.md).
 *
 * Segments: which pieces of `output` belong to which stream: a sequence of little-endian u32 whose top bit is the stream (0 stdout, 1 stderr) and whose other 31 bits are the length;
 * neighbours of one stream are joined.
 */
#ifndef SP_CORE_RESULT_H
#define SP_CORE_RESULT_H

#include <jansson.h>

#include "base/buf.h"
#include "core/request.h"
#include "runtime/runtime.h"
#include "store/record.h"
#include "store/store.h"

/* Collects the output of a step: at most 2 × output_bytes, and 4 bytes for each change of stream. */
struct sp_output {
	struct sp_buf bytes, segments;
};
void sp_output_init(struct sp_output *o, int64_t output_bytes);
void sp_output_fini(struct sp_output *o);
void sp_output_add(void *o, enum sp_stream stream, const char *p, size_t n); /* struct sp_step's on_output */
/* The bytes of one stream out of output and segments; appends to out. 0, or -1 when out is full or the segments do not fit the output. */
int sp_output_stream(const struct sp_bytes *output, const struct sp_bytes *segments, enum sp_stream stream, struct sp_buf *out);

/* What happened in one stage. */
struct sp_stage_run {
	bool ran;
	struct sp_step_result r;
	struct sp_output output;
};

/* All that the worker knows when an evaluation has ended. */
struct sp_outcome {
	const struct sp_request *request;
	struct sp_stage_run compile, run;
	bool canceled;
	struct sp_err failure; /* code != SP_OK: we could not run it; the verdict is internal_error and status failed */
	const char
	        *failure_code; /* static text for reason.code, e.g. "language_unavailable", "command_not_found"; NULL = "internal_error" */
	const char *runtime_version; /* version of the interpreter that ran */
	const char *start; /* "cold" | "warm" */
	unsigned enforced; /* SP_ENFORCED_* of the runtime */
	int64_t queue_ns, prepare_ns, total_ns;
};

/* Judges by the precedence of service-rules.md section 4 and renders the stored form into *out, whose pointers point into *o and *hold: both must live until the finish is stored. id and claim_no are the
 * caller's to set. */
struct sp_finish_hold {
	char *result;
	char signal[SP_SIGNAL_LEN];
	char reason[32]; /* its code, for the log; "" = none */
};
void sp_outcome_judge(const struct sp_outcome *o, struct sp_finish *out, struct sp_finish_hold *hold);
void sp_finish_hold_fini(struct sp_finish_hold *h);

/* expected_output is compared with stdout (with merge_output: with everything). */
/* Compares with trailing blanks of lines and trailing newlines ignored, or exactly. */
bool sp_output_equal(const struct sp_bytes *got, const struct sp_bytes *want, bool exact);

enum sp_encoding { SP_ENCODING_UTF8, SP_ENCODING_BASE64 };
/* The evaluation object with all keys (POST, GET, cancel, last event). New reference; NULL when there is no memory for the output. Whoever writes it out uses these flags: milliseconds have three decimals. */
#define SP_JSON_DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))
json_t *sp_evaluation_json(const struct sp_stored *s, enum sp_encoding encoding);

/* "SIGKILL" for 9; "SIG42" style for the rest. Static or thread-local storage. */
const char *sp_signal_name(int sig);

#endif
