/* The rows of options.def as data, for the files of lib/config and the readers of command lines. */
#pragma once

#include <stddef.h>

#include "base/str.h"

#include "config/config.h"
#include "config/value.h"

#define OPTION_NAME_MAX 64

struct option {
	const char *name; /* with underscores */
	enum value_type type;
	const char *def;
	struct value_range range;
	const char *help;
	size_t offset; /* of its field in struct config */
};

extern const struct option options[CONFIG_OPTIONS];

/* By name, underscores or dashes; -1 when there is none. */
int option_find(struct str name);

/* The field of *c that belongs to options[i]. */
const void *option_value(const struct config *c, int i);

/* The name as the source spells it: "workers", "POSTHORN_WORKERS", "--workers". Returns out. */
#define OPTION_SPELLING_MAX (OPTION_NAME_MAX + 16)
const char *option_spelling(
    struct str name, enum config_source from, char out[OPTION_SPELLING_MAX]);
