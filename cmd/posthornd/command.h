/* The commands of posthornd: one function and one file each. */
#pragma once

#include "base/err.h"

#include "args.h"

struct command {
	const char *name; /* NULL: without a name, the service itself */
	const char *summary;
	/* The exit status of the process, or -1 with *e: one line for the person, and through its
	 * kind the exit status. */
	int (*run)(struct args *a, struct err *e);
};

int service_cmd(struct args *a, struct err *e);
int migrate_cmd(struct args *a, struct err *e);
int token_cmd(struct args *a, struct err *e);
int config_cmd(struct args *a, struct err *e);
int openapi_cmd(struct args *a, struct err *e);
