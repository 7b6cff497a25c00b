/* The plan of a schedule, all of it from the seed: how many workers, applications and endpoints,
 * how they are configured, how the server and the network behave, and which faults strike when. */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "txn.h"

#define NODES_MAX    3
#define TROUBLES_MAX 12
#define ACTS_MAX     6

enum trouble {
	TROUBLE_CRASH,          /* a worker is gone with all it has in memory; another one starts */
	TROUBLE_PAUSE,          /* a worker stands still, often for longer than its lease */
	TROUBLE_DATABASE,       /* the server is away */
	TROUBLE_WEATHER,        /* for a while connections break, statements fail or take long */
	TROUBLE_STOP,           /* a worker is stopped with grace; another one starts */
	TROUBLE_CLOCK,          /* a worker's wall clock jumps */
	TROUBLE_DISABLE,        /* an endpoint is disabled, or enabled again */
	TROUBLE_PAUSE_ENDPOINT, /* an endpoint is paused, or resumed */
	TROUBLE_DELETE,         /* an endpoint is deleted */
	TROUBLE_ORDER,          /* an endpoint gets an order, another one, or has none any more */
	TROUBLE_ADD,            /* an endpoint is added */
	TROUBLE_BUSY,           /* a worker has no time left */
	TROUBLE_NAMES,          /* names cannot be resolved */
	TROUBLES,
};

struct plan {
	struct config config; /* of every worker */
	int nodes, apps, endpoints, events;
	usec_t events_until, heal_at; /* the last event, the end of all faults; from the start */
	int keyed, named, grouped;    /* of a thousand events */
	int ordered;                  /* of a thousand endpoints */
	int limited;                  /* … and of applications: have a throttleRate */
	int acts;                     /* of the operator (operator.h) … */
	int resends;                  /* … of a thousand; the others are replays */
	bool expires;                 /* what is parked for some seconds becomes a dead letter */
	bool calm;                    /* nothing strikes that excuses a delivery sent twice */
	usec_t skew_max;
	usec_t outage_max; /* of the server; sometimes longer than the retry marks lag behind */
	int hiccups;
	struct weather weather, storm; /* usual; while TROUBLE_WEATHER lasts */
	int ntroubles;
	struct {
		enum trouble kind;
		usec_t at;
	} trouble[TROUBLES_MAX];
};

/* By the dice, which the seed has set. events: 0 leaves it to the plan. */
void plan_make(struct plan *p, int events);
const char *trouble_name(enum trouble t);
