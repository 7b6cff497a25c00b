/* Receivers: what the endpoints' servers answer, by a script for each. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"

#include "policy/classify.h"

#define RECEIVER_HOST "r%d.test"
#define RECEIVER_URL  "http://" RECEIVER_HOST "/"
#define RECEIVERS_MAX 32

enum receiver_kind {
	RECEIVER_GOOD,
	RECEIVER_SLOW,     /* 200, sometimes too late */
	RECEIVER_FLAKY,    /* sometimes anything else */
	RECEIVER_DOWN,     /* refuses until the faults end */
	RECEIVER_GONE,     /* 410 to some */
	RECEIVER_POISON,   /* 500 with bytes that the database refuses */
	RECEIVER_HOPELESS, /* 500 for ever */
	RECEIVER_KINDS,
};

struct receiver_answer {
	enum transport transport;
	int status;
	int retry_after_s; /* 0: none */
	bool poison;
	usec_t after;
};

void receivers_reset(void);
void receiver_set(int number, enum receiver_kind kind);
void receivers_heal(void); /* the faults end; HOPELESS stays so */
enum receiver_kind receiver_kind(int number);
/* It always answered well, and its name was found. */
bool receiver_was_well(int number);
void receiver_failed(int number); /* its name was not */
const char *receiver_kind_name(int number);
struct receiver_answer receiver_ask(int number, usec_t timeout);
