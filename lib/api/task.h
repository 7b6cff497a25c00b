/* Background tasks: what they are, as JSON, and making one. */
#pragma once

#include "api/task_name.h"
#include "rest/field.h"

struct task_in {
	const char *name;
	int64_t app_id;    /* 0: none */
	struct str filter; /* JSON */
	int64_t rate;      /* a second; 0: as fast as it goes */
	int64_t total;
	int64_t cursor;                 /* it begins behind this id */
	const struct names *unresolved; /* told with it as unresolvedAppIds; NULL: it is not */
};

/* Stores the task, has it started, and answers 202 with it. */
void task_start(struct call *c, const struct task_in *in);
