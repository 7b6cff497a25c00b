/* posthorn signature: checking a received webhook offline, as a receiver would (Standard Webhooks
 * 1.0.0): the v1 signatures of the header, and the age of the timestamp. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/clock.h"

#include "command.h"
#include "input.h"
#include "policy/sign.h"

#define TOLERANCE_S 300 /* what the reference libraries of receivers allow, both ways */

static const enum flag required[] = { FLAG_SECRET, FLAG_ID, FLAG_TIMESTAMP, FLAG_SIGNATURE,
	FLAG_BODY };

static int
check_given(const struct args *a, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(required); i++)
		if (!args_has(a, required[i]))
			return err_set(e, ERR_USAGE, "signature verify needs --%s",
			    flag_specs[required[i]].name);
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

static int
run_verify(struct session *s, const struct args *a, struct err *e)
{
	struct str text, body;
	struct secret secret;
	char expected[SIGN_HEADER_SIZE];

	if (check_given(a, e) ||
	    input_secret("secret", args_text(a, FLAG_SECRET), s->arena, &text, e) ||
	    sign_key_parse(text, &secret, e) ||
	    input_value("body", args_text(a, FLAG_BODY), s->arena, &body, e))
		return -1;
	struct sign_key *key = sign_key_new(&secret);
	size_t n = sign_header(
	    &key, 1, str_of(args_text(a, FLAG_ID)), args_int(a, FLAG_TIMESTAMP, 0), body, expected);
	sign_key_free(key);
	secret_wipe(&secret);
	if (!header_holds(str_of(args_text(a, FLAG_SIGNATURE)), (struct str){ expected, n }))
		return err_set(e, ERR_INVALID,
		    "no signature matches: another secret, or id, timestamp or body were changed");
	if (check_age(a, e))
		return -1;
	view_line(&s->view, STR("valid"));
	return 0;
}

static const struct command commands[] = {
	{ .verb = "verify",
	    .summary = "check the signature of a received webhook; nothing is sent anywhere",
	    .detail = "The body must be what was received, byte for byte.",
	    .example = "posthorn signature verify --secret @secret --id msg_01Fq8ZxYk3b"
		       " --timestamp 1795252800 --signature 'v1,...' --body @body.json",
	    .flags = FLAG_BIT(SECRET) | FLAG_BIT(ID) | FLAG_BIT(TIMESTAMP) | FLAG_BIT(SIGNATURE) |
		     FLAG_BIT(BODY) | FLAG_BIT(TOLERANCE),
	    .token = TOKEN_OFFLINE,
	    .run = run_verify },
	{ 0 },
};

const struct family family_signature = {
	.name = "signature",
	.summary = "signatures of received webhooks",
	.commands = commands,
};
