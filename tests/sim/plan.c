/* Making plans. Times are short, so that a schedule is: a lease of one to three seconds, retries
 * after tenths of seconds, bounds of a few deliveries, so that they are reached. */
#include "plan.h"

#include <string.h>

#include "base/attr.h"

#include "dice.h"

#define SKEW_MAX (20 * USEC_PER_SEC)

static const struct {
	const char *name;
	bool harmless; /* excuses nothing */
	int weight;
} troubles[] = {
	[TROUBLE_CRASH] = { "crash", false, 5 },
	[TROUBLE_PAUSE] = { "pause", false, 4 },
	[TROUBLE_DATABASE] = { "database", false, 3 },
	[TROUBLE_WEATHER] = { "weather", false, 5 },
	[TROUBLE_STOP] = { "stop", true, 3 },
	[TROUBLE_CLOCK] = { "clock", true, 2 },
	[TROUBLE_DISABLE] = { "disable", true, 2 },
	[TROUBLE_PAUSE_ENDPOINT] = { "pause-endpoint", true, 4 },
	[TROUBLE_DELETE] = { "delete", true, 1 },
	[TROUBLE_ORDER] = { "order", true, 4 },
	[TROUBLE_ADD] = { "add", true, 1 },
	[TROUBLE_BUSY] = { "busy", true, 1 },
	[TROUBLE_NAMES] = { "names", true, 1 },
};

const char *
trouble_name(enum trouble t)
{
	return troubles[t].name;
}

static enum trouble
choose_trouble(bool calm)
{
	int sum = 0;
	for (int i = 0; i < TROUBLES; i++)
		sum += calm && !troubles[i].harmless ? 0 : troubles[i].weight;
	int64_t pick = dice(1, sum);
	for (int i = 0; i < TROUBLES; i++) {
		pick -= calm && !troubles[i].harmless ? 0 : troubles[i].weight;
		if (pick <= 0)
			return (enum trouble)i;
	}
	return TROUBLE_BUSY;
}

static void
plan_config(struct config *c)
{
	static struct config defaults;
	static bool made;
	if (!made)
		config_init(&defaults);
	made = true;
	*c = defaults;
	c->lease = dice(1000, 3000);
	c->attempt_timeout = dice(200, 1500);
	c->stop_timeout = c->attempt_timeout + 4000;
	c->in_flight_max = dice(2, 64);
	c->endpoint_in_flight_max = dice(1, 8);
	c->lane_max = dice_chance(200) ? dice(2, 10) : 1000;
	c->queue_max = dice_chance(200) ? dice(5, 40) : 1000;
	c->probe_min = dice(50, 300);
	c->probe_max = dice(300, 1000);
	c->disable_after = dice_chance(200) ? dice(1000, 10000) : 0;
	c->hold_max = 3600 * 1000;
	c->retry_schedule.steps = (int)dice(0, 5);
	for (int i = 0; i < c->retry_schedule.steps; i++)
		c->retry_schedule.delay_ms[i] = dice(0, 300) << i;
}

static void
plan_weather(struct plan *p)
{
	p->weather = (struct weather){ .statement_min = 20,
		.statement_max = dice_chance(800) ? 2000 : 20 * USEC_PER_MS,
		.partial = 50 };
	p->storm = p->weather;
	p->storm.breaks = dice_chance(600) ? (int)dice(1, 200) : 0;
	p->storm.refusals = dice_chance(300) ? (int)dice(1, 100) : 0;
	p->storm.slow = dice_chance(400) ? (int)dice(1, 100) : 0;
	p->storm.slow_max = dice(100 * USEC_PER_MS, 5 * USEC_PER_SEC);
	p->weather.held = p->storm.held = dice_chance(200) ? 200 : 0;
	p->storm.partial = 300;
}

void
plan_make(struct plan *p, int events)
{
	memset(p, 0, sizeof(*p));
	plan_config(&p->config);
	p->nodes = (int)dice(1, NODES_MAX);
	p->apps = (int)dice(1, 2);
	p->endpoints = (int)dice(1, 3);
	p->events = events ? events : (int)dice(3, 16);
	p->events_until = dice(USEC_PER_SEC, 6 * USEC_PER_SEC);
	p->heal_at = p->events_until + dice(0, 4 * USEC_PER_SEC);
	p->keyed = dice_chance(500) ? 500 : 0;
	p->named = dice_chance(250) ? 300 : 0;
	p->grouped = dice_chance(250) ? 500 : 0;
	p->ordered = dice_chance(400) ? 500 : 0;
	p->limited = dice_chance(250) ? 400 : 0;
	p->acts = dice_chance(400) ? (int)dice(1, ACTS_MAX) : 0;
	p->resends = (int)dice(0, 1000);
	p->expires = dice_chance(100);
	if (p->expires)
		p->config.hold_max = dice(1000, 5000);
	p->calm = dice_chance(250);
	p->outage_max = (dice_chance(30) ? 150 : 5) * USEC_PER_SEC;
	if (p->outage_max > 5 * USEC_PER_SEC)
		p->heal_at += p->outage_max;
	p->skew_max = dice_chance(300) ? dice(0, SKEW_MAX) : 0;
	p->hiccups = dice_chance(300) ? (int)dice(1, 100) : 0;
	plan_weather(p);
	p->ntroubles = (int)dice(0, TROUBLES_MAX / 2);
	bool pauses = dice_chance(100), orders = dice_chance(100);
	for (int i = 0; i < p->ntroubles; i++) {
		p->trouble[i].kind = choose_trouble(p->calm);
		if (pauses || orders)
			p->trouble[i].kind = pauses && (!orders || dice_chance(500))
						 ? TROUBLE_PAUSE_ENDPOINT
						 : TROUBLE_ORDER;
		p->trouble[i].at = dice(0, p->events_until + 4 * USEC_PER_SEC);
	}
}
