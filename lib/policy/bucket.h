/* What a worker holds of a limited rate: lots of deliveries that it reserved
 * (throttle_reserve.sql), each with the time from which on it may go out. Pure.
 *
 * A lot spreads its deliveries evenly. One that is not used by bucket_late after its time is lost,
 * so that what did not go out then does not go out on top of what goes out later. So in any
 * stretch of time T no more goes out, of all workers together, than
 *
 *     rate * (T + 0.1 s that a reservation may reach back + bucket_late)  + 1
 *
 * and that much only after a stall. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"

#define BUCKET_LOTS 4

struct bucket {
	int nlots;
	struct bucket_lot {
		usec_t start; /* of the first delivery */
		int rate;     /* a second; the others follow by it */
		int n, used;  /* used < n */
	} lot[BUCKET_LOTS];   /* one after the other */
};

/* An all-zero bucket is empty. */

/* How late a delivery may go out: a quarter of a second, or the time that one takes. */
usec_t bucket_late(int rate);

/* A lot of n >= 1 at rate >= 1; starts where the lots before it end, when they end later. Does
 * nothing while bucket_full. */
void bucket_add(struct bucket *b, usec_t start, int n, int rate);
bool bucket_full(const struct bucket *b);
/* Forgets what is too late. Times do not go back from one call to the next. */
void bucket_expire(struct bucket *b, usec_t now);
/* How many are left, and the times of the first and of the last; only of what is left. */
int bucket_left(const struct bucket *b);
usec_t bucket_first(const struct bucket *b);
usec_t bucket_last(const struct bucket *b);
/* How many were due by then, of what is left. */
int bucket_due(const struct bucket *b, usec_t now);
/* Whether one may go out now. Expires first. */
bool bucket_open(struct bucket *b, usec_t now);
/* It goes out: only after bucket_open. Returns up to when it may; later it would come on top of
 * what goes out then, and its turn is lost. */
usec_t bucket_take(struct bucket *b);
