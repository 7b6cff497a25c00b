/* The event loop: libevent's epoll base with a cached clock, deferred calls, timers and signals.
 *
 * One loop a process, one thread. Every callback runs on the loop's own stack, never from inside
 * the function that registered it. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/clock.h"

struct loop; /* opaque */

struct loop *loop_new(void);
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l); /* borrowed: for the http and pg adapters */

/* Runs turns until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* One turn, waiting for at most wait_ms (0 = poll, -1 = until something happens). For tests and
 * for the commands. */
void loop_turn(struct loop *l, int wait_ms);

/* The clocks as of the start of this turn. */
usec_t loop_now(const struct loop *l);
struct wall loop_wall(const struct loop *l);
/* Duration of the longest turn since the last call, in microseconds. */
usec_t loop_longest_turn(struct loop *l);
/* The share of the last second or so that the loop worked and did not wait, from 0 to 1, as of the
 * last turn. Each turn also stores it as METRIC_BUSY, and its end as METRIC_LOOP_TURNED. */
#define LOOP_BUSY_SPAN (500 * USEC_PER_MS) /* it fades to 1/e within, when the loop only waits */
double loop_busy(const struct loop *l);

/* A call that runs once before the loop waits again. Embedded in its owner; scheduling an already
 * scheduled one does nothing; a deferred call may schedule itself again (it then runs next turn).
 */
struct defer {
	void (*fn)(void *arg);
	void *arg;
	struct loop *loop;
	bool pending;
	TAILQ_ENTRY(defer) entry;
};
void defer_init(struct defer *d, struct loop *l, void (*fn)(void *arg), void *arg);
void defer_schedule(struct defer *d);
/* The same, to run before those that are scheduled already: for what looks at the work that they
 * are about to do. */
void defer_schedule_first(struct defer *d);
void defer_cancel(struct defer *d); /* always allowed; the call does not run */

/* A one-shot timer. Embedded in its owner, which must call timer_done before it dies. */
struct timer {
	void (*fn)(void *arg);
	void *arg;
	struct event *ev; /* owned */
	struct loop *loop;
};
void timer_init(struct timer *t, struct loop *l, void (*fn)(void *arg), void *arg);
void timer_set(struct timer *t, usec_t after); /* from now; replaces an earlier setting */
void timer_stop(struct timer *t);
bool timer_pending(const struct timer *t);
void timer_done(struct timer *t);

/* Calls fn for each delivery of the signal, on the loop's stack. Lives as long as the loop. */
void loop_signal(struct loop *l, int signum, void (*fn)(int signum, void *arg), void *arg);
