/* What the receiver's endpoints do: the MIX of --behaviour as a list of rules. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"

#define BEHAVIOUR_RULES_MAX 16
#define BEHAVIOUR_NAME_SIZE 24

enum behaviour {
	BEHAVE_INSTANT,
	BEHAVE_CLOSE,
	BEHAVE_SLOW,
	BEHAVE_FAIL,
	BEHAVE_FLAKY,
	BEHAVE_THROTTLE,
	BEHAVE_HANG,
	BEHAVE_OUTAGE,
	BEHAVE_DEAD,
};

struct rule {
	enum behaviour behaviour;
	char name[BEHAVIOUR_NAME_SIZE]; /* as given, without the weight: "slow=200ms" */
	int64_t delay_ms;               /* slow, throttle, outage */
	int status;                     /* fail, flaky */
	int64_t weight;
};

struct mix {
	int n;
	struct rule rule[BEHAVIOUR_RULES_MAX];
};

/* "instant:90,slow=200ms:5,hang"; a weight is 1 to 1000000, by default 1. ERR_USAGE otherwise. */
int mix_parse(const char *text, struct mix *ret, struct err *e) MUST_CHECK;

/* The rule of endpoint i of n: blocks in the order of the list, as long as their weights say. */
int mix_rule_of(const struct mix *m, int64_t i, int64_t n);

/* Whether an endpoint of this rule takes every event in the end. */
bool rule_takes_all(const struct rule *r);
