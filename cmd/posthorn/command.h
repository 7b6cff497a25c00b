/* What a command is: a row of data. A command that is one call of the API consists of its method,
 * path and show, and call_run does it; the others bring a function of their own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#include "args.h"
#include "rest.h"
#include "view.h"

/* All that a running command has. */
struct session {
	const struct command *command;
	struct arena *arena; /* lives as long as the command */
	struct rest *rest;   /* NULL for a command that is offline */
	struct view view;
};

enum command_token {
	TOKEN_REQUIRED,
	TOKEN_OPTIONAL,
	TOKEN_OFFLINE, /* the command does not talk to the server at all */
};

enum command_show {
	SHOW_RECORD, /* the answer is one object */
	SHOW_LIST,   /* pages of objects, shown with `columns` */
	SHOW_DONE,   /* nothing to show but that it is done */
};

struct command {
	const char *verb;    /* NULL: the family's name is the whole command */
	const char *words;   /* "APP ENDPOINT"; optional ones in brackets */
	int min, max;        /* how many words */
	const char *summary; /* one line, lower case, no full stop */
	const char *detail;  /* sentences, or NULL */
	const char *example; /* what to type */
	flag_set flags;      /* FLAG_BIT of each option besides the global ones */
	const char *clears;  /* fields that --clear unsets, with blanks between; or NULL */
	enum command_token token;
	int (*run)(struct session *s, const struct args *a, struct err *e);

	/* For call_run: */
	const char *method;
	const char *path;       /* behind /api/v1; each * is the next word */
	const char *word_field; /* body field of the word behind those of the path; or NULL */
	const char *body;       /* a fixed body; or NULL */
	enum command_show show;
	const struct column *columns; /* SHOW_LIST; ends with an all-zero one */
	const char *done;             /* SHOW_DONE: past participle, "deleted" */
};

struct family {
	const char *name;
	const char *summary;
	const struct command *commands; /* ends with an all-zero one */
};

/* In the order of help; ends with NULL. */
extern const struct family *const families[];

extern const struct family family_app;
extern const struct family family_endpoint;
extern const struct family family_operational_webhook;
extern const struct family family_event_type;
extern const struct family family_send;
extern const struct family family_message;
extern const struct family family_attempt;
extern const struct family family_resend;
extern const struct family family_polling_endpoint;
extern const struct family family_poll;
extern const struct family family_dead_letter;
extern const struct family family_task;
extern const struct family family_health;
extern const struct family family_signature;
extern const struct family family_token;
extern const struct family family_config;

/* ERR_USAGE with the nearest name when there is none. */
const struct family *family_find(const char *name, struct err *e);
const struct command *command_find(const struct family *f, const char *verb, struct err *e);

/* "app list", into out; returns out. */
#define COMMAND_NAME_SIZE 64
const char *command_name(
    const struct family *f, const struct command *c, char out[COMMAND_NAME_SIZE]);
