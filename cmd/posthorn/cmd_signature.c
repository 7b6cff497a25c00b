/* posthorn signature: checking a received webhook offline, as a receiver would (Standard Webhooks
 * 1.0.0): the v1 and v1a signatures of the header, and the age of the timestamp; and making one. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/clock.h"

#include "command.h"
#include "input.h"
#include "policy/sign.h"

#define TOLERANCE_S 300 /* what the reference libraries of receivers allow, both ways */

static int
check_given(const struct args *a, flag_set needed, struct err *e)
{
	for (int i = 0; i < FLAG_COUNT; i++)
		if ((needed >> i & 1) && !args_has(a, (enum flag)i))
			return err_set(e, ERR_USAGE, "signature needs --%s", flag_specs[i].name);
	return 0;
}

/* A request as it was or will be received, and the key as it was given. */
struct request {
	struct str key, id, body;
	int64_t timestamp_s;
};

static int
read_request(struct session *s, const struct args *a, struct request *ret, struct err *e)
{
	ret->id = str_of(args_text(a, FLAG_ID));
	ret->timestamp_s = args_int(a, FLAG_TIMESTAMP, clock_wall().us / USEC_PER_SEC);
	if (input_secret("secret", args_text(a, FLAG_SECRET), s->arena, &ret->key, e) ||
	    input_value("body", args_text(a, FLAG_BODY), s->arena, &ret->body, e))
		return -1;
	return 0;
}

/* The signature of the request by that key. */
static int
sign(const struct request *rq, char out[SIGN_HEADER_SIZE], size_t *ret_n, struct err *e)
{
	struct sign_secret secret;
	if (sign_key_parse(rq->key, &secret, e))
		return -1;
	struct sign_key *key = sign_key_new(&secret);
	*ret_n = sign_header(&key, 1, rq->id, rq->timestamp_s, rq->body, out);
	sign_key_free(key);
	sign_secret_wipe(&secret);
	return 0;
}

static int
check_age(const struct args *a, struct err *e)
{
	int64_t tolerance = args_int(a, FLAG_TOLERANCE, TOLERANCE_S);
	int64_t age = clock_wall().us / USEC_PER_SEC - args_int(a, FLAG_TIMESTAMP, 0);
	if (tolerance == 0 || llabs(age) <= tolerance)
		return 0;
	return err_set(e, ERR_INVALID,
	    "the signature matches, but the timestamp is %lld s %s; --tolerance 0 accepts any",
	    llabs(age), age > 0 ? "old" : "in the future");
}

/* Is the expected signature one of those in the header? Each is compared in constant time. */
static bool
header_holds(struct str header, struct str expected)
{
	struct str one;
	bool found = false;
	while (str_split(&header, ' ', &one))
		if (one.n == expected.n && CRYPTO_memcmp(one.p, expected.p, one.n) == 0)
			found = true;
	return found;
}

/* Whether the header holds a signature by the owner of that public key. */
static int
find_public(const struct request *rq, struct str header, bool *ret_found, struct err *e)
{
	unsigned char key[SIGN_PUBLIC_SIZE];
	struct str one;
	if (sign_public_parse(rq->key, key, e))
		return -1;
	*ret_found = false;
	while (str_split(&header, ' ', &one))
		if (sign_public_verifies(key, rq->id, rq->timestamp_s, rq->body, one))
			*ret_found = true;
	return 0;
}

static int
find_secret(const struct request *rq, struct str header, bool *ret_found, struct err *e)
{
	char expected[SIGN_HEADER_SIZE];
	size_t n;
	if (sign(rq, expected, &n, e))
		return -1;
	*ret_found = header_holds(header, (struct str){ expected, n });
	return 0;
}

static int
run_verify(struct session *s, const struct args *a, struct err *e)
{
	struct request rq;
	bool found;
	if (check_given(a,
		FLAG_BIT(SECRET) | FLAG_BIT(ID) | FLAG_BIT(TIMESTAMP) | FLAG_BIT(SIGNATURE) |
		    FLAG_BIT(BODY),
		e) ||
	    read_request(s, a, &rq, e))
		return -1;
	struct str header = str_of(args_text(a, FLAG_SIGNATURE));
	if (str_starts(rq.key, STR("whpk_")) ? find_public(&rq, header, &found, e)
					     : find_secret(&rq, header, &found, e))
		return -1;
	if (!found)
		return err_set(e, ERR_INVALID,
		    "no signature matches: another secret, or id, timestamp or body were changed");
	if (check_age(a, e))
		return -1;
	view_line(&s->view, STR("valid"));
	return 0;
}

static int
run_sign(struct session *s, const struct args *a, struct err *e)
{
	struct request rq;
	char signature[SIGN_HEADER_SIZE];
	size_t n;
	if (check_given(a, FLAG_BIT(SECRET) | FLAG_BIT(ID) | FLAG_BIT(BODY), e) ||
	    read_request(s, a, &rq, e) || sign(&rq, signature, &n, e))
		return -1;
	view_line(&s->view, (struct str){ signature, n });
	return 0;
}

static const struct command commands[] = {
	{ .verb = "verify",
	    .summary = "check the signature of a received webhook; nothing is sent anywhere",
	    .detail =
		"The body must be what was received, byte for byte. The secret is the whsec_... or "
		"the public key whpk_... of the endpoint.",
	    .example = "posthorn signature verify --secret @secret --id msg_01Fq8ZxYk3b"
		       " --timestamp 1795252800 --signature 'v1,...' --body @body.json",
	    .flags = FLAG_BIT(SECRET) | FLAG_BIT(ID) | FLAG_BIT(TIMESTAMP) | FLAG_BIT(SIGNATURE) |
		     FLAG_BIT(BODY) | FLAG_BIT(TOLERANCE),
	    .token = TOKEN_OFFLINE,
	    .run = run_verify },
	{ .verb = "sign",
	    .summary = "print the signature that a webhook would have; nothing is sent anywhere",
	    .detail = "To test a receiver. Without --timestamp it is now.",
	    .example = "posthorn signature sign --secret @secret --id msg_01Fq8ZxYk3b"
		       " --timestamp 1795252800 --body @body.json",
	    .flags = FLAG_BIT(SECRET) | FLAG_BIT(ID) | FLAG_BIT(TIMESTAMP) | FLAG_BIT(BODY),
	    .token = TOKEN_OFFLINE,
	    .run = run_sign },
	{ 0 },
};

const struct family family_signature = {
	.name = "signature",
	.summary = "signatures of webhooks",
	.commands = commands,
};
