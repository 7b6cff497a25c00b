/* A node: one worker, that is a catalogue, a sender and an ingestor with their pools on a loop of
 * their own, as cmd/posthornd/worker.c makes them. */
#pragma once

#include <stdbool.h>

#include "ingest/ingest.h"
#include "loop/loop.h"
#include "send/sender.h"

struct node {
	char name[8];
	struct loop *loop;
	struct pg_pool *append, *record, *load, *lease, *api;
	struct catalogue *catalogue;
	struct sender *sender;
	struct ingest *ingest;
	bool dying; /* it is being thrown away: its answers reach nobody */
	bool stopping, drained;
	usec_t stop_since;
};

struct node *node_new(const struct config *c, int number);
/* Without a word, as by SIGKILL, or the end after a drain. */
void node_free(struct node *n);
/* Takes no events any more; drained is set when it is over. */
void node_stop(struct node *n);
/* Checked after each of its turns: bounds, and that what it thinks to own is its own. */
void node_check(const struct node *n, const struct config *c);
/* Nothing is owed any more: nothing may be waited for, either. */
void node_check_quiet(const struct node *n);
/* Whether both think to own a slot at this moment. */
void node_check_apart(const struct node *a, const struct node *b);
