/* SPDX-License-Identifier: MIT */
/* What a back-end of the store shows to store.c, and to nobody else. */
#ifndef SP_STORE_DRIVER_H
#define SP_STORE_DRIVER_H

#include "store/store.h"

struct sp_store_driver {
	const char *scheme; /* what stands before the colon of the URL */
	/* Start-up thread. rest: what follows the colon. beside: NULL for sp_store_open(), else as of sp_store_open_beside(); errors as of these. */
	struct sp_store *(*open)(const char *rest, bool *beside, struct sp_err *err);
};

extern const struct sp_store_driver sp_store_sqlite;

#endif
