/* Requests as the product sends them to an endpoint: numbered payloads that posthorn-bench
 * recognises, signed, with the header lines of both names. */
#pragma once

#include <stdint.h>

#include "base/clock.h"

#include "part.h"
#include "payload.h"
#include "policy/sign.h"

#define POST_HEADERS   7
#define POST_LINE_SIZE (SIGN_HEADER_SIZE + 32)

struct poster {
	struct payload payload;
	struct sign_key *key; /* owned */
};

/* By --secret, --run and --payload-bytes. */
void poster_init(struct poster *p, const struct part_options *o);
void poster_done(struct poster *p);
/* The payload of an event; the caller frees it. */
char *poster_payload(const struct poster *p, int64_t number);

/* One request, written again for each event. */
struct post {
	const char *header[POST_HEADERS]; /* lines of text below */
	char *body;                       /* owned; as long as the payload */
	char line[6][POST_LINE_SIZE];
};

void post_init(struct post *t, const struct poster *p);
void post_done(struct post *t);
void post_write(struct post *t, const struct poster *p, int64_t number, struct wall now);
