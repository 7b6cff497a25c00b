/* The command line: a command, the flags of the commands, and a flag for every option. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

#include "config/config.h"

struct command;

struct args {
	const struct command *command;
	struct config config; /* after args_read defaults and flags only */
	/* The flags that are no options: NULL when not given, "" when given without a value. */
	const char *config_path;
	const char *dev;
	const char *help;
	const char *version;
	const char *org;
	const char *app;
	const char *lifetime;
	const char *example;
	const char *reference;
};

/* The values are borrowed from argv. ERR_USAGE for what is unknown, with the nearest name that is
 * known, and for values that their option refuses. */
int args_read(int argc, char **argv, const struct command *commands, int n, struct args *ret,
    struct err *e) MUST_CHECK;

/* Adds the configuration file and the environment below the flags; sets config.dev. */
int args_load_config(struct args *a, struct err *e) MUST_CHECK;

void args_write_help(const struct command *commands, int n, struct buf *out);
