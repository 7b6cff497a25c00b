/* Why a delivery was given up. The numbers are stored; never renumber. */
#pragma once

#include "base/str.h"

enum dead_reason {
	DEAD_EXHAUSTED = 1, /* the retry schedule is used up */
	DEAD_GONE = 2,      /* the endpoint answered 410 */
	DEAD_DISABLED = 3,  /* the endpoint is disabled */
	DEAD_DELETED = 4,   /* the endpoint or its application is deleted */
	DEAD_BLOCKED = 5,   /* the address policy refuses the destination */
	DEAD_EXPIRED = 6,   /* too old to be of use */
	DEAD_PAYLOAD = 7,   /* the payload is gone (expunged or past its retention) */
};

const char *dead_reason_to_text(enum dead_reason r);            /* "exhausted"; static */
int dead_reason_from_text(struct str s, enum dead_reason *ret); /* -1 when unknown */
