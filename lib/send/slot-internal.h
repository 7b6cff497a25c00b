/* The slots' private parts. Each file has one noun and calls only those before it:
 *
 *   slot_set.c      the slots that are held, and their lists of unresolved messages
 *   slot_mark.c     the marks that are stored with them
 *   slot_release.c  giving them back
 *   slot_share.c    leaving them to workers that have time, and giving them one
 *   slot_adopt.c    taking one
 *   slot_recover.c  reading what an adopted one left
 *   slot_beat.c     the heartbeat, which keeps what is held and starts the three above
 *   slot.c          all of them together, and what others ask
 */
#pragma once

#include "base/arena.h"

#include "send/slot.h"

#define SLOTS_MAX 64 /* held by one worker: its own and adopted ones */

TAILQ_HEAD(message_list, message);

enum slot_state {
	SLOT_RECOVERING,
	SLOT_HELD,
	SLOT_LEAVING, /* given back; what is under way is waited for (slot_share.c) */
};

struct slot {
	struct slots *set; /* borrowed */
	int16_t id;
	int64_t epoch;
	enum slot_state state; /* slot_set */
	usec_t since;          /* when it was taken */
	int64_t low_water; /* recovery's position; HELD: the last mark stored; LEAVING: the mark */
	int64_t append_above;    /* ids made here are above it */
	int64_t until;           /* the newest message when it was adopted: where recovery ends */
	struct wall retry_since; /* its retry mark when it was adopted */
	struct wall
	    retry_mark; /* its retry mark while its retries are not in memory; us == 0: they are */
	struct pg_ticket *page;   /* recovery: messages on their way, or NULL */
	struct arena *page_arena; /* owned; of that page */
	int64_t restored;         /* messages that recovery brought */
	usec_t ask_at, ask_wait;  /* when to ask whether it is drained, and how long after that */
	bool in_beat;             /* the beat under way asks for it */
	/* Unresolved messages: what recovery brought and what was accepted here, each in id order,
	 * so that the oldest of all is the head of one of them. */
	struct message_list old, fresh;
};

struct beat {
	struct timer timer;
	struct arena *arena;
	struct pg_ticket *ticket;
	usec_t sent, confirmed_at;
	int64_t last_id;  /* that there was at the last one */
	usec_t active_at; /* when there was another one */
	int n;
	bool late_logged, clock_logged;
};

struct adoption {
	struct arena *arena;
	struct pg_ticket *ticket; /* one adoption at a time */
	usec_t sent;
	int16_t id;
	bool more;                     /* the last beat named more slots than this one */
	void (*over)(struct slots *s); /* the next one may start */
};

struct share {
	bool other_spare;  /* another worker has time, said the last beat */
	bool lapsed;       /* it named a lapsed slot that was left to others */
	int waited;        /* beats in a row that did */
	usec_t over_since; /* without time; 0: it has some */
};

struct release {
	struct arena *arena;
	struct pg_ticket *ticket; /* which adopted slots are empty, or the release itself */
	void (*done)(void *arg);  /* of slots_release */
	void *arg;
};

struct slots {
	struct loop *loop;
	struct pg_pool *lease_pool, *load_pool;
	struct slots_events ev;
	int64_t owner;
	usec_t lease;
	int n;
	struct slot *slot[SLOTS_MAX];
	struct slot *home;    /* NULL: none */
	struct id_source ids; /* of home; of the last one when it was lost */
	bool had_home;
	bool leaving;   /* adopts no more */
	bool releasing; /* all of them: nothing starts any more */
	struct beat beat;
	struct adoption adoption;
	struct release release;
	struct share share;
};

/* ---- slot_set.c ---- */

struct slot *slot_get(const struct slots *s, int id); /* NULL: not held */
/* An empty, zeroed slot in the set, which has room. */
struct slot *slot_new(struct slots *s, int id);
/* Takes it out of the set with all that belongs to it. */
void slot_forget(struct slots *s, struct slot *slot);
/* The same for one that is not ours any more, and tells. */
void slot_lost(struct slots *s, struct slot *slot);

/* The only place that changes the state. */
void slot_set(struct slot *slot, enum slot_state state);

/* ---- slot_mark.c ---- */

/* The slot's low-water mark as of now. */
int64_t slot_low_water(struct slots *s, struct slot *slot);
struct wall slot_retry_low(struct slots *s, const struct slot *slot);
/* The arrays that beat.sql and slot_release.sql have in common: ids, epochs, marks. */
void slot_put_marks(struct slots *s, struct pg_args *args, struct slot *const *list, int n);

/* ---- slot_adopt.c ---- */

/* Tries to take a slot that lapsed or is free; nothing while another adoption is under way. */
void slot_adopt(struct slots *s, int16_t id);

/* ---- slot_release.c ---- */

/* Adopted slots in which nothing is left go back to the free ones. */
void slot_release_drained(struct slots *s);
/* Gives back every slot; see slots_release. */
void slot_release_all(struct slots *s, void (*done)(void *arg), void *arg);

/* Gives one back in which work is left. */
void slot_release_dirty(struct slots *s, struct slot *slot);

/* ---- slot_share.c ---- */

/* Whether a lapsed slot is not to be taken now. */
bool slot_left_to_others(struct slots *s);
/* Whether there is time for more slots: what the beat says. */
bool slot_spare(const struct slots *s);
/* After each beat. */
void slot_share(struct slots *s);

/* ---- slot_beat.c ---- */

void slot_beat_init(struct slots *s);
void slot_beat_soon(struct slots *s);
void slot_beat_stop(struct slots *s);
