/* The payloads: all alike but for the number of the event, so that making and recognising one costs
 * next to nothing. */
#pragma once

#include <stdint.h>

#include "base/str.h"

#define PAYLOAD_NUMBER_DIGITS 16
#define PAYLOAD_RUN_SIZE      17 /* name of a run and a NUL */

struct payload {
	char run[PAYLOAD_RUN_SIZE]; /* random: events of other runs are strangers */
	char *bytes;                /* owned; the number is zeros */
	size_t n;
	size_t number_at;
};

/* A JSON object of exactly n bytes (at least 64). run: the name of a run that another process
 * began, PAYLOAD_RUN_SIZE - 1 letters; NULL makes up a new one. */
void payload_init(struct payload *p, size_t n, const char *run);
void payload_done(struct payload *p);

/* Writes the digits, without a NUL. */
void payload_number_write(char *at, int64_t number);

enum payload_verdict {
	PAYLOAD_EXACT,   /* byte for byte what was sent */
	PAYLOAD_ALTERED, /* the same run and a number, in other bytes */
	PAYLOAD_FOREIGN, /* not of this run */
};
enum payload_verdict payload_read(const struct payload *p, struct str body, int64_t *ret_number);
