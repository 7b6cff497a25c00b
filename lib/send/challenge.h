/* Ownership challenges: does whoever answers at a URL want our requests? (docs/challenge.md,
 * docs/adr/0015-ownership-challenge.md)
 *
 * A challenge goes out by the sender's client and resolver: addresses, certificates, redirects and
 * sizes are judged as those of deliveries. It has five seconds, or the endpoint's timeout when that
 * is shorter, over all of it. What answers it: policy/challenge.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "loop/loop.h"
#include "policy/challenge.h"
#include "store/cat_app.h"

#define CHALLENGES_MAX 64 /* under way in a worker */

struct exchanges;
struct challenges; /* opaque */

struct challenge_ask {
	enum challenge_kind kind;
	int64_t id; /* fresh: the message's that the request has */
	/* Borrowed until the callback. The endpoint as it will be, which need not be in the
	 * snapshot: its URL, headers, keys and profile. */
	const struct cat_app *app;
	const struct cat_endpoint *endpoint;
};

struct challenge_result {
	bool verified;
	bool stopped;  /* … is not known: the worker stops */
	int rate;      /* deliveries a second that the answer allows; 0: any */
	char why[128]; /* not verified, for people; never an address */
};

/* On the loop's stack, or that of challenges_free; exactly once, never from inside challenge_start.
 */
typedef void (*challenge_fn)(void *arg, const struct challenge_result *r);

struct challenges *challenges_new(
    struct loop *l, const struct config *c, struct exchanges *exchanges);
/* Ends what is under way as stopped. */
void challenges_free(struct challenges *cs);

/* -1: CHALLENGES_MAX are under way. */
int challenge_start(
    struct challenges *cs, const struct challenge_ask *ask, challenge_fn fn, void *arg) MUST_CHECK;
