/* policy/challenge on what a stranger answers: a body proves only what holds the challenge,
 * whatever stands around it, and two fields (before and behind the first line end) only allow what
 * they name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/challenge.h"

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define TEXT   "Zq8-_w0123456789abcdefghijklmnopqrstuvwxyzA"
#define ORIGIN "events.example.com"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* JSON may write the letters of the challenge in other ways. */
static void
check_body(struct str body)
{
	bool answers = challenge_slack_answered(body, STR(TEXT));
	bool holds = body.n && memmem(body.p, body.n, TEXT, sizeof(TEXT) - 1);
	bool escapes = body.n && memchr(body.p, '\\', body.n);
	CHECK(!answers || holds || escapes);
	CHECK(!answers || !challenge_slack_answered(body, STR("another")));
}

static void
check_fields(struct str fields)
{
	struct challenge_consent c = { .status = 200 };
	int rate = -1;
	str_split(&fields, '\n', &c.allowed_origin);
	c.allowed_rate = fields;
	const char *why = challenge_cloudevents_refused(&c, STR(ORIGIN), &rate);
	CHECK(why || (rate >= 0 && rate <= 65535));
	CHECK(why || str_eq(c.allowed_origin, STR("*")) ||
	      str_eq_nocase(c.allowed_origin, STR(ORIGIN)));
	c.status = 302;
	CHECK(challenge_cloudevents_refused(&c, STR(ORIGIN), &rate));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str in = { (const char *)data, size };
	check_body(in);
	if (size)
		check_fields(in);
	return 0;
}
