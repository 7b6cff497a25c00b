/* The statements of task steps by themselves: an application with an endpoint, messages with what
 * became of them, a task, and its steps, run as the runner does, without one. */
#pragma once

#include "db.h"
#include "pg/pg.h"

#define STAND_SLOT  5
#define STAND_OWNER 77
#define STAND_EPOCH 9

struct stand {
	struct db *db;
	int64_t app_id, endpoint_id;
	int64_t first; /* id of message 0; each is a second younger than the one before */
	int64_t task_id;
};

/* One step of a task. What is 0 or NULL takes what a step usually has. */
struct step {
	int64_t task_id; /* the stand's task */
	int64_t owner;   /* STAND_OWNER */
	int64_t epoch;   /* STAND_EPOCH */
	int64_t cursor;  /* -1: where the task stands */
	int64_t below;   /* no end */
	int64_t app_id;  /* the stand's; of tasks of an organisation none: -1 */
	int64_t endpoint_id;
	int rows, look;  /* 200, 1000 */
	const char *org; /* "org" */
	/* What the statement has of its own, between the application and the slot: "" is null. */
	const char *own[8];
	int nown;
	bool delivers; /* it has slot, epoch and due */
};

struct stepped {
	bool ours; /* false: there was no row */
	bool finished;
	int64_t cursor;
	int planned; /* deliveries due at once */
};

/* The database is emptied. */
void stand_set_up(struct stand *s, struct db *db);
int64_t stand_message_id(const struct stand *s, int i);
/* Messages i to i + n - 1, with the endpoint as their target. */
void stand_store(struct stand *s, int i, int n);
void stand_store_untargeted(struct stand *s, int i, int n);
/* An attempt of each of them; of chain 0, or another one. */
void stand_attempt(struct stand *s, int i, int n, bool success, int64_t chain);
/* A dead letter of each, 10 ms younger than its message. */
void stand_letter(struct stand *s, int i, int n);
int64_t stand_letter_id(const struct stand *s, int i);
/* A running task that is claimed by STAND_OWNER and stands at that message; its id. */
int64_t stand_task(struct stand *s, int64_t cursor);

/* Sends the statement; the answer, or that of another statement, is read by stand_answer. */
void stand_send(
    PGconn *c, const struct stand *s, const struct pg_stmt *stmt, const struct step *step);
struct stepped stand_answer(PGconn *c, const char *what);
/* Both, in the database's own connection. */
struct stepped stand_step(
    const struct stand *s, const struct pg_stmt *stmt, const struct step *step);
