/* SPDX-License-Identifier: MIT */
/* What the targets of core share: a configuration, languages, and whether two texts or requests are the same. */
#ifndef SP_TESTS_FUZZ_CORE_H
#define SP_TESTS_FUZZ_CORE_H

#include "fuzz.h"

#include "core/config.h"
#include "core/language.h"
#include "core/request.h"

/* The defaults, and a configuration whose bounds a short input reaches. Made at the first call, kept. */
const struct sp_config *fz_config_default(void);
const struct sp_config *fz_config_tight(void);
/* "lang" (aliases: l1) has a least memory; "comp" has a compile step and an environment. */
const struct sp_languages *fz_languages(void);

/* NULL-terminated list of texts: their number, and the bytes with a NUL each. NULL is empty. */
size_t fz_words(char *const *v, size_t *bytes);
/* The whole of a problem list as it is answered: valid JSON, every problem with a message, a pointer or none, a status 4xx. */
void fz_check_problems(const struct sp_problems *ps);
/* Every key of the text is an object of JSON that reads back as what it was. Returns it parsed. */
json_t *fz_reread(json_t *v, size_t flags);

#endif
