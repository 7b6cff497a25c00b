/* Retry schedules. Both notations end as the same list of delays, so that whoever retries knows one
 * form only; exponential curves are unrolled when they are read.
 *
 * Numbers are thousandths while they are parsed: milliseconds for delays, and enough for a factor
 * such as 1.5. */
#include "policy/backoff.h"

#include <assert.h>
#include <inttypes.h>

#include "base/attr.h"

#define FACTOR_MAX_MILLI (100 * 1000) /* beyond it every curve is one step and then its cap */

/* "5", "0.25", "1.5": not negative, at most three digits behind the point. */
static int
parse_milli(struct str s, int64_t max_milli, int64_t *ret)
{
	static const int64_t scale[] = { 0, 100, 10, 1 };
	struct str whole;
	int64_t units, fraction = 0;
	if (!str_split(&s, '.', &whole) || whole.n == 0 || whole.p[0] == '-')
		return -1;
	if (str_to_i64(whole, 0, max_milli / 1000, &units))
		return -1;
	bool has_point = s.p != NULL;
	if (has_point) {
		if (s.n == 0 || s.n > 3 || s.p[0] == '-' || str_to_i64(s, 0, 999, &fraction))
			return -1;
		fraction *= scale[s.n];
	}
	int64_t milli = units * 1000 + fraction;
	if (milli > max_milli)
		return -1;
	*ret = milli;
	return 0;
}

int
backoff_parse_list(struct str text, struct backoff *ret, struct err *e)
{
	struct backoff b = { 0 };
	struct str rest = str_trim(text), item;
	if (rest.n == 0)
		rest.p = NULL; /* no item at all, not one empty item */
	while (str_split(&rest, ',', &item)) {
		if (b.steps == BACKOFF_STEPS_MAX)
			return err_set(e, ERR_INVALID, "more than %d delays", BACKOFF_STEPS_MAX);
		if (parse_milli(str_trim(item), BACKOFF_DELAY_MAX_MS, &b.delay_ms[b.steps]))
			return err_set(e, ERR_INVALID,
			    "delay %d is not a number of seconds from 0 to %" PRId64
			    " with at most three decimals",
			    b.steps + 1, BACKOFF_DELAY_MAX_MS / 1000);
		b.steps++;
	}
	*ret = b;
	return 0;
}

struct curve {
	int64_t base_ms;
	int64_t factor_milli;
	int64_t cap_ms;
	int64_t attempts_milli;
};

static const struct parameter {
	const char *name;
	size_t offset; /* of an int64_t in struct curve */
	int64_t min;   /* thousandths, as max */
	int64_t max;
	int64_t step;
} parameters[] = {
	{ "base", offsetof(struct curve, base_ms), 1, BACKOFF_DELAY_MAX_MS, 1 },
	{ "factor", offsetof(struct curve, factor_milli), 1000, FACTOR_MAX_MILLI, 1 },
	{ "cap", offsetof(struct curve, cap_ms), 1, BACKOFF_DELAY_MAX_MS, 1 },
	{ "attempts", offsetof(struct curve, attempts_milli), 1000, (BACKOFF_STEPS_MAX + 1) * 1000,
	    1000 },
};

/* One "name=value" into its field; *seen has a bit for each parameter given so far. */
static int
parse_parameter(struct str word, struct curve *c, unsigned *seen, struct err *e)
{
	struct str name;
	str_split(&word, '=', &name);
	for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
		const struct parameter *p = &parameters[i];
		if (!str_eq(name, str_of(p->name)))
			continue;
		if (*seen & (1U << i))
			return err_set(e, ERR_INVALID, "%s is given twice", p->name);
		int64_t value;
		if (parse_milli(word, p->max, &value) || value < p->min || value % p->step)
			return err_set(e, ERR_INVALID, "%s must be from %g to %g, in steps of %g",
			    p->name, (double)p->min / 1000, (double)p->max / 1000,
			    (double)p->step / 1000);
		*(int64_t *)((char *)c + p->offset) = value;
		*seen |= 1U << i;
		return 0;
	}
	return err_set(
	    e, ERR_INVALID, "an exponential schedule has base, factor, cap and attempts only");
}

static void
unroll(const struct curve *c, struct backoff *ret)
{
	struct backoff b = { .steps = (int)(c->attempts_milli / 1000) - 1 };
	/* A double holds every delay below the cap to far less than a millisecond, and stays
	 * finite: it stops growing at the cap. */
	double delay = (double)c->base_ms, factor = (double)c->factor_milli / 1000;
	for (int i = 0; i < b.steps; i++) {
		if (delay > (double)c->cap_ms)
			delay = (double)c->cap_ms;
		b.delay_ms[i] = (int64_t)(delay + 0.5);
		delay *= factor;
	}
	*ret = b;
}

int
backoff_parse(struct str text, struct backoff *ret, struct err *e)
{
	struct str rest = str_trim(text), word = { 0 };
	if (rest.n > 0)
		str_split(&rest, ' ', &word);
	if (!str_eq(word, STR("exponential")))
		return backoff_parse_list(text, ret, e);

	struct curve c = { .base_ms = 5000,
		.factor_milli = 3000,
		.cap_ms = 86400 * 1000,
		.attempts_milli = 10 * 1000 };
	unsigned seen = 0;
	while (str_split(&rest, ' ', &word)) {
		word = str_trim(word);
		if (word.n > 0 && parse_parameter(word, &c, &seen, e))
			return -1;
	}
	unroll(&c, ret);
	return 0;
}

int64_t
backoff_next_ms(const struct backoff *b, int attempt, int64_t at_least_ms, struct rand *r)
{
	assert(attempt >= 1);
	assert(at_least_ms <= BACKOFF_DELAY_MAX_MS);
	if (attempt > b->steps)
		return -1;
	int64_t delay = b->delay_ms[attempt - 1];
	int64_t low = delay - delay / 5, high = delay + delay / 5;
	if (at_least_ms > low)
		low = at_least_ms;
	if (at_least_ms > delay)
		high = at_least_ms + at_least_ms / 5;
	return rand_between(r, low, high);
}
