/* Which worker of a node a producer's connection should be with. Pure: the loads come from the page
 * of metrics, what is done about the answer is handover.c's.
 *
 * A new connection goes where there are few. That is all one can know of it; what it brings shows
 * later. So a connection is looked at again between two requests, and moves
 *
 *  - by backlog: its worker has many more deliveries ahead of it than another one. What is ahead is
 *    work to come, whoever brought it, so even the only producer of a node moves: one worker sends
 *    its last batch while another takes the next. A matter of milliseconds.
 *  - by business: its worker is busy, and another one would be less so with this connection's work
 *    on top. A connection that is all there is to do would only take its load along, and stays. A
 *    matter of seconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BALANCE_AHEAD 64  /* with no more than that ahead a worker keeps what it has */
#define BALANCE_BUSY  0.5 /* if it is no busier than that, either */

struct balance_load {
	bool open; /* takes connections, and its loop turns */
	int64_t connections;
	int64_t ahead; /* deliveries in memory: waiting or under way */
	double busy;   /* share of the last second, 0 … 1 */
};

/* For a new connection: the worker whose turn it is, unless it is closed or has too many; then the
 * one with the fewest. -1 when all are closed. */
int balance_new(const struct balance_load *w, int n, int turn);

/* For a connection of worker `me`: where it should go, or -1 when it should stay. `share` is what
 * it does of its worker's work, 0 … 1. */
int balance_backlog(const struct balance_load *w, int n, int me);
int balance_busy(const struct balance_load *w, int n, int me, double share);
