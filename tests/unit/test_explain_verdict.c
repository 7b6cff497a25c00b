#include "api/explain_verdict.h"
#include "unit.h"

#define AT(minutes)                                                                                \
	{                                                                                          \
		INT64_C(1800000000000000) + (minutes)*60 * USEC_PER_SEC                            \
	}
#define ACCEPTED AT(0)
#define NOW      AT(10)

static const struct str some_types[] = { { "a.b", 3 }, { "user.created", 12 } };
static const struct str other_types[] = { { "a.b", 3 }, { "user.create", 11 } };
static const struct str west[] = { { "west", 4 } };
static const struct str north[] = { { "west", 4 }, { "north", 5 } };

/* Each case says what differs from a live endpoint without filters and a message without attempts.
 */
static const struct {
	const char *name, *state, *reason, *says;
	int64_t next_min; /* 0: none */
	struct standing s;
} cases[] = {
	{ "created later", "notMatched", "createdLater", "was created at", 0,
	    { .created = AT(1), .disabled = true } },
	{ "another type", "notMatched", "eventType", "user.created", 0,
	    { .nevent_types = 2, .event_types = other_types } },
	{ "the type fits, the channel does not", "notMatched", "channel", "other channels", 0,
	    { .nevent_types = 2,
		.event_types = some_types,
		.nchannels = 1,
		.endpoint_channels = west,
		.channels = { "south,north", 11 } } },
	{ "no channels at all", "notMatched", "channel", "has none", 0,
	    { .nchannels = 1, .endpoint_channels = west } },
	{ "disabled", "notMatched", "disabled", "(by hand)", 0, { .disabled = true } },
	{ "disabled by itself", "notMatched", "disabled", "(gone)", 0,
	    { .disabled = true, .disabled_reason = { "gone", 4 } } },
	{ "unverified", "notMatched", "unverified", "answered the challenge", 0,
	    { .unverified = true } },
	{ "disabled and unverified", "notMatched", "disabled", "(by hand)", 0,
	    { .disabled = true, .unverified = true } },
	{ "unverified since", "failed", "unverified", "nothing is sent", 0,
	    { .matched = true, .attempts = 1, .unverified = true } },
	{ "it would match now", "notMatched", "changedSince", "changed since, at", 0,
	    { .nchannels = 2,
		.endpoint_channels = north,
		.channels = { "south,north", 11 },
		.updated = AT(2) } },
	{ "delivered", "delivered", NULL, "Delivered at", 0,
	    { .matched = true, .attempts = 2, .succeeded = AT(1), .given_up = true } },
	{ "resent to what was not matched", "delivered", NULL, "Delivered at", 0,
	    { .attempts = 1, .succeeded = AT(1) } },
	{ "exhausted", "deadLetter", "exhausted", "until it is replayed", 0,
	    { .matched = true, .attempts = 9, .given_up = true, .dead_reason = DEAD_EXHAUSTED } },
	{ "without a payload", "deadLetter", "payload", "cannot be replayed", 0,
	    { .matched = true,
		.payload_gone = true,
		.given_up = true,
		.dead_reason = DEAD_PAYLOAD } },
	{ "discarded", "deadLetter", "gone", "Discarded at", 0,
	    { .matched = true, .given_up = true, .dead_reason = DEAD_GONE, .discarded = AT(5) } },
	{ "replayed, not tried yet", "pending", "replayed", "Replayed at", 0,
	    { .matched = true,
		.attempts = 1,
		.given_up = true,
		.dead_reason = DEAD_EXHAUSTED,
		.replayed = AT(9) } },
	{ "replayed in vain", "retrying", NULL, "is due at", 11,
	    { .matched = true,
		.attempts = 2,
		.given_up = true,
		.dead_reason = DEAD_EXHAUSTED,
		.replayed = AT(8),
		.tried_since = true,
		.last_status = 500,
		.next = AT(11) } },
	{ "deleted meanwhile", "failed", "deleted", "nothing more", 0,
	    { .matched = true, .attempts = 1, .deleted = AT(2), .next = AT(11) } },
	{ "disabled meanwhile", "failed", "disabled", "dead letter", 0,
	    { .matched = true, .attempts = 1, .disabled = true, .next = AT(11) } },
	{ "disabled, but paused before", "waiting", "paused", "resumed", 0,
	    { .matched = true,
		.disabled = true,
		.paused = true,
		.hold = HOLD_PAUSED,
		.waits = true } },
	{ "retrying", "retrying", NULL, "answer was 503", 11,
	    { .matched = true, .attempts = 1, .last_status = 503, .next = AT(11) } },
	{ "due since a while", "retrying", NULL, "due since", 9,
	    { .matched = true, .attempts = 1, .last_error = { "timeout", 7 }, .next = AT(9) } },
	{ "the breaker is open", "waiting", "breaker", "next try is at", 12,
	    { .matched = true, .waits = true, .hold = HOLD_OPEN, .probe = AT(12) } },
	{ "draining", "waiting", "draining", "oldest first", 0,
	    { .matched = true, .waits = true, .hold = HOLD_DRAINING } },
	{ "in order", "waiting", "order", "before it", 0,
	    { .matched = true, .waits = true, .waits_in_order = true } },
	{ "the first in its order, retried", "retrying", NULL, "is due at", 11,
	    { .matched = true,
		.attempts = 1,
		.last_status = 500,
		.waits = true,
		.waits_in_order = true,
		.next = AT(11) } },
	{ "to be delivered later", "scheduled", NULL, "to be delivered at", 30,
	    { .matched = true, .deliver_at = AT(30) } },
	{ "its time has come", "pending", NULL, "under way", 0,
	    { .matched = true, .deliver_at = AT(9) } },
	{ "its worker is gone", "pending", "adrift", "another one", 0,
	    { .matched = true, .adrift = true } },
	{ "throttled", "pending", "throttle", "7 a second", 0,
	    { .matched = true, .throttle_rate = 7 } },
	{ "pending", "pending", NULL, "under way", 0, { .matched = true } },
	{ "resent in vain", "failed", NULL, "1 attempt failed, the last one got no answer", 0,
	    { .matched = true, .attempts = 1 } },
};

static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void
test_cases(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct standing s = cases[i].s;
		struct wall now = NOW, next = AT(cases[i].next_min);
		s.accepted = (struct wall)ACCEPTED;
		s.event_type = STR("user.created");
		if (!s.created.us)
			s.created = (struct wall)AT(-60);
		struct verdict v = explain_verdict(&s, now, a);
		if (!same(v.state, cases[i].state) || !same(v.reason, cases[i].reason))
			fail_msg("%s: %s, %s", cases[i].name, v.state, v.reason ? v.reason : "-");
		if (!strstr(v.because, cases[i].says))
			fail_msg("%s: %s", cases[i].name, v.because);
		if (v.next.us != (cases[i].next_min ? next.us : 0))
			fail_msg("%s: next %lld", cases[i].name, (long long)v.next.us);
	}
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
