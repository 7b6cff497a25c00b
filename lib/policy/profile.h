/* Signature profiles: how a delivery shows who sent it when the subscriber does not speak Standard
 * Webhooks. What GitHub, Stripe, Shopify and Slack send, so that receivers written for them verify
 * ours; and a template, for those that a company wrote for a sender of its own.
 *
 * A profile is data (one table, or an object of the API), and profile_render is the only code that
 * knows what it means. The key is the text of the secret as the subscriber has it, not decoded. */
#pragma once

#include <jansson.h>

#include "base/buf.h"

#include "policy/sign.h"

#define PROFILE_LINES_MAX 4 /* header lines besides the signature's */

/* Texts may hold {id}, {timestamp} (Unix seconds) and {type}; content {body}, too. */
struct profile {
	const char *name;
	const char *hash;      /* of the HMAC: "SHA256" */
	bool base64;           /* else lower-case hexadecimal */
	const char *content;   /* what is signed */
	const char *header;    /* the name of the signature's header */
	const char *lead;      /* its value: this once, … */
	const char *prefix;    /* … this before each signature, … */
	const char *separator; /* … and this between them. NULL: the current key alone signs */
	struct {
		const char *header, *value;
	} line[PROFILE_LINES_MAX]; /* others; header == NULL ends them */
};

/* One of the table; NULL when there is none of that name. */
const struct profile *profile_find(struct str name);
/* An object {"header", "algorithm", "encoding", "content", "lead", "prefix", "separator",
 * "timestampHeader", "idHeader", "typeHeader"}, of which only "header" must be there. Texts are
 * borrowed from the object. ERR_INVALID with a text that begins with the member's name. */
int profile_parse(const json_t *template, struct profile *ret, struct err *e) MUST_CHECK;

struct profile_event {
	struct str id, timestamp, type, body;
};

/* Appends the header lines, each "name: value" and a NUL; returns how many, at most
 * PROFILE_LINES_MAX + 1. keys: those that sign, the current one first, made with the profile's hash
 * (sign_key_new_text); without any there is no signature. */
int profile_render(const struct profile *p, const struct profile_event *event,
    struct sign_key *const *keys, int n, struct buf *out);
