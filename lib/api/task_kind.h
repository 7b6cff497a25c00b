/* The kinds of background tasks: what a step of each does, and of what its filter (JSON) makes. */
#pragma once

#include "base/arena.h"

#include "pg/pg.h"

struct task_kind {
	const char *name; /* task_name.h */
	const struct pg_stmt *step;
	bool delivers; /* its steps store retry rows under the home slot: fenced */
	/* The filter from its text, in the arena; *ret_below is the id below which the task ends.
	 * What cannot be read selects nothing. */
	void *(*read)(struct arena *a, struct str text, struct wall now, int64_t *ret_below);
	/* The arguments that the step has of its own, behind the ninth. */
	void (*arg)(struct pg_args *a, const void *filter);
	/* The endpoint for which steps take turns (replay_turn.sql); NULL: of none. */
	int64_t (*endpoint)(const void *filter);
};

/* NULL: none of this version. */
const struct task_kind *task_kind_find(struct str name);
/* The names of all of them, as an argument: text[]. */
void task_kinds_arg(struct pg_args *a);
