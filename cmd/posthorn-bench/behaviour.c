/* The grammar of --behaviour. */
#include "behaviour.h"

#include <stdio.h>

#include "base/str.h"

#include "config/value.h"

#define WEIGHT_MAX 1000000
#define DELAY_MAX  (INT64_C(3600) * 1000) /* ms */

enum how {
	HOW_NONE,
	HOW_TIME,
	HOW_STATUS,
};

static const struct {
	const char *name;
	enum how how;
} behaviours[] = {
	[BEHAVE_INSTANT] = { "instant", HOW_NONE },
	[BEHAVE_CLOSE] = { "close", HOW_NONE },
	[BEHAVE_SLOW] = { "slow", HOW_TIME },
	[BEHAVE_FAIL] = { "fail", HOW_STATUS },
	[BEHAVE_FLAKY] = { "flaky", HOW_STATUS },
	[BEHAVE_THROTTLE] = { "throttle", HOW_TIME },
	[BEHAVE_HANG] = { "hang", HOW_NONE },
	[BEHAVE_OUTAGE] = { "outage", HOW_TIME },
	[BEHAVE_DEAD] = { "dead", HOW_NONE },
};

static int
behaviour_parse(struct str name, enum behaviour *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(behaviours); i++) {
		if (!str_eq(name, str_of(behaviours[i].name)))
			continue;
		*ret = (enum behaviour)i;
		return 0;
	}
	return -1;
}

/* What stands behind the '='; how.p is NULL when nothing does. */
static int
how_parse(struct str how, struct rule *r, struct err *e)
{
	int64_t status;
	switch (behaviours[r->behaviour].how) {
	case HOW_NONE:
		if (how.p)
			return err_set(e, ERR_USAGE, "--behaviour: %s takes no value", r->name);
		return 0;
	case HOW_TIME:
		if (!how.p || value_duration(how, &r->delay_ms) || r->delay_ms < 1 ||
		    r->delay_ms > DELAY_MAX)
			return err_set(e, ERR_USAGE, "--behaviour: %s needs a time such as 200ms",
			    behaviours[r->behaviour].name);
		return 0;
	case HOW_STATUS:
		if (!how.p || str_to_i64(how, 300, 599, &status))
			return err_set(e, ERR_USAGE, "--behaviour: %s needs a status, 300 to 599",
			    behaviours[r->behaviour].name);
		r->status = (int)status;
		return 0;
	}
	return -1;
}

static int
rule_parse(struct str text, struct rule *r, struct err *e)
{
	struct str what, name, weight = text;
	*r = (struct rule){ .weight = 1 };
	str_split(&weight, ':', &what);
	snprintf(r->name, sizeof(r->name), "%.*s", STR_FMT(what));
	struct str how = what;
	str_split(&how, '=', &name);
	if (behaviour_parse(name, &r->behaviour))
		return err_set(e, ERR_USAGE,
		    "--behaviour knows instant, close, slow, fail, flaky, throttle, hang, outage and dead");
	if (weight.p && str_to_i64(weight, 1, WEIGHT_MAX, &r->weight))
		return err_set(
		    e, ERR_USAGE, "--behaviour: a weight is a number from 1 to %d", WEIGHT_MAX);
	return how_parse(how, r, e);
}

int
mix_parse(const char *text, struct mix *ret, struct err *e)
{
	struct str rest = str_of(text), item;
	ret->n = 0;
	while (str_split(&rest, ',', &item)) {
		if (ret->n == BEHAVIOUR_RULES_MAX)
			return err_set(e, ERR_USAGE, "--behaviour takes at most %d rules",
			    BEHAVIOUR_RULES_MAX);
		if (rule_parse(item, &ret->rule[ret->n++], e))
			return -1;
	}
	return 0;
}

int
mix_rule_of(const struct mix *m, int64_t i, int64_t n)
{
	int64_t total = 0, upto = 0;
	for (int k = 0; k < m->n; k++)
		total += m->rule[k].weight;
	for (int k = 0; k < m->n - 1; k++) {
		upto += m->rule[k].weight;
		if (i * total < upto * n)
			return k;
	}
	return m->n - 1;
}

bool
rule_takes_all(const struct rule *r)
{
	return r->behaviour != BEHAVE_FAIL && r->behaviour != BEHAVE_HANG &&
	       r->behaviour != BEHAVE_OUTAGE && r->behaviour != BEHAVE_DEAD;
}
