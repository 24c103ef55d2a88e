/* SPDX-License-Identifier: MIT */
/* What a caller did wrong: up to 10 problems of one request, each with code, JSON Pointer, value and limit (service-rules.md section 4, "Errors"). */
#ifndef SP_CORE_PROBLEM_H
#define SP_CORE_PROBLEM_H

#include <jansson.h>
#include <stddef.h>

#include "base/attr.h"

#define SP_PROBLEMS_MAX 10

struct sp_problem {
	const char *code; /* static text: "invalid_field", "limit_too_large" … */
	int http_status; /* the answer's status is the first problem's */
	char message[320]; /* names the field and the limit */
	char field[160]; /* JSON Pointer; "" = null */
	json_t *value; /* what was given (texts cut to 100 characters), or NULL; owned */
	json_t *limit; /* what is allowed, or NULL; owned */
};
struct sp_problems {
	struct sp_problem list[SP_PROBLEMS_MAX];
	size_t n;
};

/* Adds one (the eleventh and later are dropped: NULL). value and limit are consumed, may be NULL; arrays and objects as value are shown as null. Returns the problem to be ignored or refined. */
struct sp_problem *sp_problem_add(struct sp_problems *ps, int http_status, const char *code, const char *field, json_t *value,
        json_t *limit, const char *fmt, ...) SP_PRINTF(7, 8);
void sp_problems_fini(struct sp_problems *ps);
/* {"error":{code,message,field,value,limit,request_id,more:[…]}}; n ≥ 1. New reference. */
json_t *sp_problems_json(const struct sp_problems *ps, const char *request_id);

#endif
