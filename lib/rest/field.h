/* Members of a JSON body as typed values. What is wrong is collected, so that the caller hears of
 * all of it at once: read every field, then ask fields_end.
 *
 * A body is either whole (POST, PUT: an absent member means its default) or a patch (PATCH: an
 * absent member means "keep"). Before the call *ret holds the default; a text without default
 * ({NULL, 0}) is required of a whole body. Texts point into the body. */
#pragma once

#include "rest/call.h"

#define FIELDS_MAX         24
#define FIELD_METADATA_MAX 4096 /* bytes, as JSON */

enum body_kind {
	BODY_WHOLE,
	BODY_PATCH,
};

struct fields {
	struct call *c;
	const json_t *object;
	const char
	    *inside; /* the member of the body that holds the object, or NULL: the body itself */
	enum body_kind kind;
	struct jw *problems;
	int nproblems;
	int ngiven;
	struct str given[FIELDS_MAX]; /* canonical names of the fields to be written */
};

void fields_begin(struct fields *f, struct call *c, enum body_kind kind); /* over c->body */
/* The same over an object that stands in the body under that name. */
void fields_begin_inside(
    struct fields *f, struct call *c, const char *inside, const json_t *object);
/* Answers 422 with all problems and returns -1 when there was one. */
int fields_end(struct fields *f) MUST_CHECK;
/* The names of what was given, as an argument: text[]. */
void fields_arg_given(const struct fields *f, struct pg_args *a);
/* Whether this one is to be written. */
bool fields_has(const struct fields *f, const char *name);
/* Notes that it is to be written although the body does not say so. */
void fields_give(struct fields *f, const char *name);
void field_problem(struct fields *f, const char *name, const char *fmt, ...) PRINTF(3, 4);
/* With an item of a list that the member holds, counted from 0. */
void field_problem_at(struct fields *f, const char *name, size_t item, const char *fmt, ...)
    PRINTF(4, 5);

/* Text without control characters, min to max bytes. The _or_null form: null is {NULL, 0}, and so
 * is a missing default. */
void field_text(struct fields *f, const char *name, size_t min, size_t max, struct str *ret);
void field_text_or_null(struct fields *f, const char *name, size_t max, struct str *ret);
/* One of these words (ending with NULL), as that list's own text. */
void field_word(struct fields *f, const char *name, const char *const *words, struct str *ret);
void field_word_or_null(
    struct fields *f, const char *name, const char *const *words, struct str *ret);
/* Member "uid": what name_uid_valid says, or null. */
void field_uid(struct fields *f, enum id_kind kind, struct str *ret);
void field_bool(struct fields *f, const char *name, bool *ret);
/* alias: another spelling of the name, or NULL. null is 0 in the _or_null form; in the other it is
 * the default, which a whole body may name like this, and no value for a patch. */
void field_int(struct fields *f, const char *name, int64_t min, int64_t max, int64_t *ret);
void field_int_or_null(
    struct fields *f, const char *name, const char *alias, int64_t min, int64_t max, int64_t *ret);
/* An instant in RFC 3339. Required of a whole body while *ret is 0; the _or_null form: null, and a
 * missing default, is us == 0. */
void field_time(struct fields *f, const char *name, struct wall *ret);
void field_time_or_null(struct fields *f, const char *name, struct wall *ret);
/* Member "metadata": an object of texts, as JSON text; null is {}. */
void field_metadata(struct fields *f, struct str *ret);
/* The member when it is an object, else NULL (null: unset). */
const json_t *field_object_or_null(struct fields *f, const char *name);
/* A list of distinct texts; null is n == 0, and so is an empty list where it is allowed. */
struct names {
	int n;
	struct str *name;
};
struct name_rule {
	bool (*valid)(struct str s);
	int min, max; /* of them */
};
void field_names(struct fields *f, const char *name, const char *alias,
    const struct name_rule *rule, struct names *ret);
/* A list of seconds with fractions, in ms; null is n == -1. */
struct delays {
	int n;
	int64_t *ms;
};
void field_delays(struct fields *f, const char *name, int max, int64_t max_ms, struct delays *ret);
