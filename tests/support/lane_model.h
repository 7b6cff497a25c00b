/* Lanes with endpoints that follow a script, in virtual time: who waits for how long, and why.
 *
 * Everything but the lanes is a stand-in: the loop, the catalogue, the sender (starts what may
 * start, takes an answer when the script says so, or a timeout), the events (each endpoint has its
 * own at a rate, at random times). What a lane does not take is counted as spilled; what comes
 * while the sender would not accept anything, as refused. */
#pragma once

#include "config/config.h"
#include "send/lane.h"

#define MODEL_KINDS_MAX 6
#define MODEL_TIMEOUT   (30 * USEC_PER_SEC)

struct model_play {
	usec_t time; /* until the answer; from MODEL_TIMEOUT on there is none */
	int status;  /* 0: the connection is refused */
	usec_t retry_after;
};

/* Some endpoints that are alike. */
struct model_kind {
	int n;
	int apps;    /* that they are spread over, of their own */
	double rate; /* events a second, for each */
	struct model_play play;
	usec_t turns_at; /* when the play changes, from the beginning of the model; 0: never */
	struct model_play then;
	int loses;         /* of so many requests one is never answered; 0: none */
	int bytes;         /* of a payload */
	int max_in_flight; /* 0: the server's */
};

struct model_count {
	int64_t events, refused, spilled, started, delivered, timeouts, trips;
	int in_flight, in_flight_max;
	int nwaits;
	int *waits; /* owned: of each start, from the event to it, in microseconds */
};

struct model {
	struct loop *loop;
	struct lanes *lanes;
	struct model_count count[MODEL_KINDS_MAX];
	bool accepts_all; /* never refuses */
	usec_t cost;      /* of our time, for each start */
	usec_t from;      /* waits are counted from then on */
	int in_flight, in_flight_max;
};

/* Defaults of the options, with in_flight_max as given (0: its default). */
void model_config(struct config *c, int in_flight_max);
/* Borrows the kinds, of which there are n. */
struct model *model_new(const struct config *c, const struct model_kind *kinds, int n);
void model_free(struct model *m);
void model_run(struct model *m, usec_t time);
/* So long or less waited that share of the starts of that kind. */
usec_t model_wait(const struct model *m, int kind, double share);
void model_print(const struct model *m);
