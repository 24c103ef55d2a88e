/* SPDX-License-Identifier: MIT */
/* What a back-end of the broker shows to broker.c, and to nobody else. */
#ifndef SP_BROKER_DRIVER_H
#define SP_BROKER_DRIVER_H

#include "broker/broker.h"

struct sp_broker_driver {
	const char *scheme; /* the URL up to a colon, or all of it */
	/* Start-up thread. */
	struct sp_broker *(*open)(const char *url, struct sp_broker_options opt, struct sp_err *err);
};

extern const struct sp_broker_driver sp_broker_embedded;

#endif
