/* Unit tests of send/outcome: what follows from every end of a step, for every kind of chain. */
#include <string.h>

#include "base/attr.h"
#include "base/id.h"

#include "send/outcome.h"
#include "send/retry.h"
#include "unit.h"

#define NOW INT64_C(1700000000000000)
#define SEC USEC_PER_SEC

/* Two delays: three attempts. */
static const struct backoff schedule = { .steps = 2, .delay_ms = { 10000, 100000 } };

/* A result of the given step; the delivery is the caller's. */
static struct result
result_of(struct delivery *d, enum trigger trigger, int seq, int tries)
{
	memset(d, 0, sizeof(*d));
	d->trigger = trigger;
	d->seq = (int16_t)seq;
	d->tries = (int16_t)tries;
	return (struct result){ .delivery = d };
}

/* Nothing, or what follows: a retry between two waits, or a dead letter. */
struct follows {
	int64_t min_s, max_s; /* 0: no retry */
	enum dead_reason dead;
	bool gone;
};

static bool
agrees(const struct result *r, const struct follows *f)
{
	int64_t wait = r->next.us ? r->next.us - NOW : 0;
	return wait >= f->min_s * SEC && wait <= f->max_s * SEC && r->dead == f->dead &&
	       r->gone == f->gone;
}

static void
test_decide(void **state)
{
	static const struct {
		const char *name;
		enum trigger trigger;
		int tries;
		enum transport transport;
		int status;
		int64_t retry_after_ms;
		enum outcome outcome;
		struct follows follows;
	} cases[] = {
		{ "200", TRIGGER_SCHEDULED, 0, TRANSPORT_OK, 200, 0, OUTCOME_DELIVERED, { 0 } },
		{ "204 of the last try", TRIGGER_SCHEDULED, 2, TRANSPORT_OK, 204, 0,
		    OUTCOME_DELIVERED, { 0 } },
		{ "200 of a resend", TRIGGER_RESEND, 0, TRANSPORT_OK, 200, 0, OUTCOME_DELIVERED,
		    { 0 } },
		{ "500", TRIGGER_SCHEDULED, 0, TRANSPORT_OK, 500, 0, OUTCOME_RETRY,
		    { 8, 12, 0, false } },
		{ "500, second", TRIGGER_SCHEDULED, 1, TRANSPORT_OK, 500, 0, OUTCOME_RETRY,
		    { 80, 120, 0, false } },
		{ "500, last", TRIGGER_SCHEDULED, 2, TRANSPORT_OK, 500, 0, OUTCOME_RETRY,
		    { 0, 0, DEAD_EXHAUSTED, false } },
		{ "500 does not choose its delay", TRIGGER_SCHEDULED, 0, TRANSPORT_OK, 500, 3600000,
		    OUTCOME_RETRY, { 8, 12, 0, false } },
		{ "500 of a resend", TRIGGER_RESEND, 0, TRANSPORT_OK, 500, 0, OUTCOME_RETRY,
		    { 0 } },
		{ "500 of a replay", TRIGGER_REPLAY, 0, TRANSPORT_OK, 500, 0, OUTCOME_RETRY,
		    { 8, 12, 0, false } },
		{ "500 of a replay, last", TRIGGER_REPLAY, 2, TRANSPORT_OK, 500, 0, OUTCOME_RETRY,
		    { 0, 0, DEAD_EXHAUSTED, false } },
		{ "timeout", TRIGGER_SCHEDULED, 0, TRANSPORT_TIMEOUT, 0, 0, OUTCOME_RETRY,
		    { 8, 12, 0, false } },
		{ "429", TRIGGER_SCHEDULED, 0, TRANSPORT_OK, 429, 0, OUTCOME_THROTTLE,
		    { 8, 12, 0, false } },
		{ "429 with its delay", TRIGGER_SCHEDULED, 0, TRANSPORT_OK, 429, 3600000,
		    OUTCOME_THROTTLE, { 3600, 4320, 0, false } },
		{ "429 with a shorter delay", TRIGGER_SCHEDULED, 0, TRANSPORT_OK, 429, 1000,
		    OUTCOME_THROTTLE, { 8, 12, 0, false } },
		{ "503, last, with its delay", TRIGGER_SCHEDULED, 2, TRANSPORT_OK, 503, 3600000,
		    OUTCOME_THROTTLE, { 0, 0, DEAD_EXHAUSTED, false } },
		{ "410", TRIGGER_SCHEDULED, 0, TRANSPORT_OK, 410, 0, OUTCOME_GONE,
		    { 0, 0, DEAD_GONE, true } },
		{ "410 of a resend", TRIGGER_RESEND, 0, TRANSPORT_OK, 410, 0, OUTCOME_GONE,
		    { 0, 0, 0, true } },
		{ "blocked", TRIGGER_SCHEDULED, 0, TRANSPORT_BLOCKED, 0, 0, OUTCOME_BLOCKED,
		    { 0, 0, DEAD_BLOCKED, false } },
		{ "blocked resend", TRIGGER_RESEND, 0, TRANSPORT_BLOCKED, 0, 0, OUTCOME_BLOCKED,
		    { 0 } },
	};
	(void)state;
	struct rand rand;
	rand_seed(&rand, 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct delivery d;
		struct result r = result_of(&d, cases[i].trigger, cases[i].tries, cases[i].tries);
		r.attempted = true;
		r.transport = cases[i].transport;
		r.http_status = cases[i].status;
		r.retry_after_ms = cases[i].retry_after_ms;
		struct wall now = { NOW };
		enum outcome outcome = outcome_decide(&r, &schedule, now, &rand);
		if (outcome != cases[i].outcome || !agrees(&r, &cases[i].follows))
			fail_msg("%s: outcome %d, next +%lld us, dead %d, gone %d", cases[i].name,
			    (int)outcome, r.next.us ? (long long)(r.next.us - NOW) : 0LL,
			    (int)r.dead, r.gone);
		assert_int_equal(r.success, outcome == OUTCOME_DELIVERED);
		assert_false(r.deferred);
	}
}

static void
test_telling(void **state)
{
	static const struct {
		const char *name;
		int tries; /* before this attempt */
		struct result end;
		enum telling tells;
	} cases[] = {
		{ "first failure", 0, { .next = { NOW } }, TELL_NOTHING },
		{ "third failure", 2, { .next = { NOW } }, TELL_NOTHING },
		{ "fourth failure", 3, { .next = { NOW } }, TELL_FAILING },
		{ "fourth failure, parked", 3, { .park = true }, TELL_FAILING },
		{ "fifth failure", 4, { .next = { NOW } }, TELL_NOTHING },
		{ "fourth failure and last", 3, { .dead = DEAD_EXHAUSTED }, TELL_EXHAUSTED },
		{ "first failure and last", 0, { .dead = DEAD_EXHAUSTED }, TELL_EXHAUSTED },
		{ "fourth failure: gone", 3, { .dead = DEAD_GONE }, TELL_NOTHING },
		{ "fourth failure of an endpoint that is no more", 3, { .dead = DEAD_DELETED },
		    TELL_NOTHING },
		{ "failure after which nothing comes", 3, { 0 }, TELL_NOTHING },
		{ "first success", 0, { .success = true }, TELL_NOTHING },
		{ "success at the fourth attempt", 3, { .success = true }, TELL_NOTHING },
		{ "success at the fifth attempt", 4, { .success = true }, TELL_RECOVERED },
		{ "success at the ninth attempt", 8, { .success = true }, TELL_RECOVERED },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct delivery d;
		struct result r = cases[i].end;
		(void)result_of(&d, TRIGGER_SCHEDULED, cases[i].tries, cases[i].tries);
		r.delivery = &d;
		if (outcome_telling(&r) != cases[i].tells)
			fail_msg("%s: %d", cases[i].name, (int)outcome_telling(&r));
	}
}

/* Without an attempt a chain ends for good, that of a resend too: nothing else tells of it. */
static void
test_give_up(void **state)
{
	static const enum trigger triggers[] = { TRIGGER_SCHEDULED, TRIGGER_RESEND,
		TRIGGER_REPLAY };
	static const enum dead_reason reasons[] = { DEAD_DISABLED, DEAD_DELETED, DEAD_BLOCKED,
		DEAD_PAYLOAD };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(triggers); i++) {
		for (size_t k = 0; k < ARRAY_LEN(reasons); k++) {
			struct delivery d;
			struct result r = result_of(&d, triggers[i], 0, 0);
			outcome_give_up(&r, reasons[k]);
			assert_int_equal(r.dead, reasons[k]);
			assert_int_equal(r.next.us, 0);
			assert_false(r.success);
		}
	}
}

static void
test_put_off(void **state)
{
	static const struct {
		int seq, tries;
		struct follows follows;
	} cases[] = {
		{ 0, 0, { 15, 30, 0, false } },
		{ 1, 0, { 30, 60, 0, false } },
		{ 2, 0, { 60, 120, 0, false } },
		{ 3, 0, { 120, 180, 0, false } },
		{ 4, 0, { 240, 300, 0, false } },
		{ 5, 0, { 240, 300, 0, false } }, /* doubled no more */
		{ 3, 3, { 15, 30, 0, false } },   /* tries are not puttings off */
		{ 5, 3, { 60, 120, 0, false } },
		{ 31999, 3, { 240, 300, 0, false } },
		{ 32000, 3, { 0, 0, DEAD_EXPIRED, false } },
	};
	(void)state;
	struct rand rand;
	rand_seed(&rand, 2);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int round = 0; round < 100; round++) { /* for the spread */
			struct delivery d;
			struct result r =
			    result_of(&d, TRIGGER_SCHEDULED, cases[i].seq, cases[i].tries);
			struct wall now = { NOW };
			outcome_put_off(&r, now, &rand);
			if (!agrees(&r, &cases[i].follows))
				fail_msg("seq %d, tries %d: next +%lld us, dead %d", cases[i].seq,
				    cases[i].tries, r.next.us ? (long long)(r.next.us - NOW) : 0LL,
				    (int)r.dead);
			assert_int_equal(r.deferred, r.next.us != 0);
			assert_true(r.next.us - NOW <= RETRY_DEFER_MAX);
			assert_false(r.attempted);
		}
	}
}

/* What was parked: in order it stays where it is, a probe goes behind the others and is not given
 * up before its schedule's whole time (110 s) has passed, what drains goes its usual way. */
static void
test_parked(void **state)
{
	enum {
		DRAINS,
		PROBE,
		ORDERED,
		ORDERED_PROBE,
		BLOCKS
	};
	static const struct hold_rule rules[] = {
		[DRAINS] = { 0 },
		[PROBE] = { .parks = true, .probe_in = 5 * SEC },
		[ORDERED] = { .ordered = true },
		[ORDERED_PROBE] = { .ordered = true, .parks = true, .probe_in = 5 * SEC },
		[BLOCKS] = { .ordered = true, .blocks = true },
	};
	static const struct {
		const char *name;
		int rule, tries, status;
		int64_t age_s;
		bool park, stays;
		struct follows follows;
	} cases[] = {
		{ "drained, works", DRAINS, 0, 200, 0, false, false, { 0 } },
		{ "drained", DRAINS, 0, 500, 0, false, false, { 8, 12, 0, false } },
		{ "drained, last", DRAINS, 2, 500, 0, false, false,
		    { 0, 0, DEAD_EXHAUSTED, false } },
		{ "probe, works", PROBE, 0, 200, 0, false, false, { 0 } },
		{ "probe", PROBE, 0, 500, 0, true, false, { 0 } },
		{ "probe, last, young", PROBE, 2, 500, 109, true, false, { 0 } },
		{ "probe, last, old", PROBE, 2, 500, 111, false, false,
		    { 0, 0, DEAD_EXHAUSTED, false } },
		{ "probe, old, not the last", PROBE, 0, 500, 111, true, false, { 0 } },
		{ "probe, 410", PROBE, 0, 410, 0, false, false, { 0, 0, DEAD_GONE, true } },
		{ "ordered, works", ORDERED, 0, 200, 0, false, false, { 0 } },
		{ "ordered", ORDERED, 1, 500, 0, false, true, { 80, 120, 0, false } },
		{ "ordered, last", ORDERED, 2, 500, 0, false, false,
		    { 0, 0, DEAD_EXHAUSTED, false } },
		{ "ordered probe", ORDERED_PROBE, 0, 500, 0, false, true, { 5, 5, 0, false } },
		{ "ordered probe, last, young", ORDERED_PROBE, 2, 500, 0, false, true,
		    { 5, 5, 0, false } },
		{ "blocks, last", BLOCKS, 2, 500, 1000, false, true, { 80, 120, 0, false } },
		{ "blocks, far behind the last", BLOCKS, 32000, 500, 1000, false, true,
		    { 80, 120, 0, false } },
		{ "blocks, 410", BLOCKS, 0, 410, 0, false, false, { 0, 0, DEAD_GONE, true } },
	};
	(void)state;
	struct rand rand;
	rand_seed(&rand, 3);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct delivery d;
		struct result r = result_of(&d, TRIGGER_SCHEDULED, cases[i].tries, cases[i].tries);
		struct message m = { .id = id_floor((struct wall){ NOW - cases[i].age_s * SEC }) };
		struct wall now = { NOW };
		d.message = &m;
		d.parked = true;
		r.attempted = true;
		r.http_status = cases[i].status;
		outcome_decide_parked(&r, &schedule, &rules[cases[i].rule], now, &rand);
		if (!agrees(&r, &cases[i].follows) || r.park != cases[i].park ||
		    r.stays != cases[i].stays)
			fail_msg("%s: next +%lld us, dead %d, park %d, stays %d", cases[i].name,
			    r.next.us ? (long long)(r.next.us - NOW) : 0LL, (int)r.dead, r.park,
			    r.stays);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_telling),
		cmocka_unit_test(test_give_up),
		cmocka_unit_test(test_put_off),
		cmocka_unit_test(test_parked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
