/* The command line, taken apart and checked against flags.def. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum flag {
#define X(name, text, letter, placeholder, type, min, max, field, query, help) FLAG_##name,
#include "flags.def"
#undef X
	FLAG_COUNT
};

enum flag_type {
	FLAG_SWITCH,
	FLAG_TEXT,
	FLAG_INPUT,
	FLAG_INT,
	FLAG_TIME,
	FLAG_LIST,
	FLAG_PAIRS,
	FLAG_HEADERS,
	FLAG_NUMBERS,
};

struct flag_spec {
	const char *name;
	char letter;             /* 0: none */
	const char *placeholder; /* NULL: a switch */
	enum flag_type type;
	int64_t min, max;
	const char *field;
	const char *query;
	const char *help;
};
extern const struct flag_spec flag_specs[FLAG_COUNT];

/* A set of options: a bit for each. */
__extension__ typedef unsigned __int128 flag_set;
_Static_assert(FLAG_COUNT <= 128, "a set of options is a mask of 128 bits");
#define FLAG_BIT(name) ((flag_set)1 << FLAG_##name)
#define FLAGS_GLOBAL                                                                               \
	(FLAG_BIT(URL) | FLAG_BIT(TOKEN) | FLAG_BIT(TOKEN_FILE) | FLAG_BIT(OUTPUT) |               \
	    FLAG_BIT(TIMEOUT) | FLAG_BIT(HELP) | FLAG_BIT(VERSION))
#define FLAGS_PAGES     (FLAG_BIT(LIMIT) | FLAG_BIT(ALL))

#define ARGS_REPEAT_MAX 64 /* how often a repeatable option may be given */
#define ARGS_WORDS_MAX  4

struct arg {
	int n; /* how often it was given; a list holds all values, others the last */
	const char *text[ARGS_REPEAT_MAX]; /* borrowed from argv, or in the arena (TIME) */
	int64_t number;                    /* INT */
};

struct args {
	struct arena *arena; /* borrowed */
	int n;               /* words that are not options */
	const char *word[ARGS_WORDS_MAX];
	struct arg arg[FLAG_COUNT];
};

/* Reads the options in front of the first word, those in `flags` only, and sets *ret_used to how
 * many elements of argv that took (argv[0] is skipped and not counted). ERR_USAGE otherwise. */
int args_leading(
    struct args *a, int argc, char **argv, flag_set flags, int *ret_used, struct err *e) MUST_CHECK;

/* Reads all the rest, options and words in any order. ERR_USAGE when there are more than
 * ARGS_WORDS_MAX words. */
int args_rest(struct args *a, int argc, char **argv, flag_set flags, struct err *e) MUST_CHECK;

bool args_has(const struct args *a, enum flag f);
const char *args_text(const struct args *a, enum flag f); /* the last value; NULL: not given */
int64_t args_int(const struct args *a, enum flag f, int64_t otherwise);
