/* Which dead letters are meant: by the query of a list, or by the JSON of a task. */
#pragma once

#include "api/log_list.h"
#include "store/dead_letter.h"

struct dead_filter {
	struct ref app, endpoint; /* id 0 without uid: any */
	int64_t above, below;     /* ids, exclusive */
	int ntypes;               /* 0: all */
	struct str types[LOG_TYPES_MAX];
	int reason;    /* enum dead_reason; 0: any */
	int64_t class; /* first digit of the last status, 0: there was none; -1: any */
};

/* app_id, endpoint_id (or appId, endpointId) and reason, besides what the list has read. Answers
 * 422 and returns -1. */
int dead_filter_from_query(
    struct call *c, const struct log_list *l, struct dead_filter *ret) MUST_CHECK;

/* {"appId","endpointId","eventTypes","reason","statusCodeClass","before","after"}, each optional.
 * `now` bounds what has no "before". -1: *ret_field is what is wrong (static text). Texts point
 * into the object; unknown members are ignored. */
int dead_filter_from_json(const json_t *object, struct wall now, struct dead_filter *ret,
    const char **ret_field) MUST_CHECK;
/* Writes what dead_filter_from_json reads, as an object. */
void dead_filter_put(struct jw *j, const struct dead_filter *f);

bool ref_is_given(const struct ref *ref);
/* Five arguments: endpoint's id or null, its uid or null, event types or null, reason or null,
 * class or null. */
void dead_filter_arg(struct pg_args *a, const struct dead_filter *f);
/* Eight: organisation, above, below, and those five. */
void dead_filter_arg_all(struct pg_args *a, struct str org, const struct dead_filter *f);
