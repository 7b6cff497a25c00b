/* Notices on their way to becoming events.
 *
 * The beat tells that there are any (slot.h). A page of them is read, each is submitted, and when
 * all have been answered those that are stored, or that nobody watches for, are deleted; after a
 * full page the next one is read. What could not be stored stays for a later beat.
 *
 * An event's eventId makes one of what is submitted twice: by two workers, or of a notice about an
 * attempt that was stored twice because a commit was not answered. */
#include "ops/notices.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "base/jw.h"
#include "base/mem.h"

#include "statements.h"

#define PAGE     100
#define BODY_MAX (64 << 10) /* bytes: ids, two uids and a reason */

enum column {
	COL_ID,
	COL_ORG,
	COL_TYPE,
	COL_APP,
	COL_APP_UID,
	COL_ENDPOINT,
	COL_ENDPOINT_UID,
	COL_FAIL_SINCE,
	COL_REASON,
	COL_MSG,
	COL_MSG_EVENT_ID,
	COL_ATTEMPT,
	COL_HTTP_STATUS,
};

struct notice {
	struct notices *all;
	int64_t id;
	char event_id[64];
	struct buf body;
	struct ingest_event event;
	bool done; /* it may be deleted */
};

struct notices {
	struct loop *loop;
	struct pg_pool *pool;
	struct ingest *ingest;
	struct arena *arena;
	struct pg_ticket *ticket;
	bool stopped;
	bool more; /* the page was a full one */
	int n, unanswered;
	struct notice notice[PAGE];
};

/* ---- deleting ----------------------------------------------------------------------------- */

static void
page_over(struct notices *ns)
{
	for (int i = 0; i < ns->n; i++)
		buf_free(&ns->notice[i].body);
	ns->n = 0;
}

static void read_page(struct notices *ns);

static void
on_deleted(void *arg, const struct pg_result *r, const struct err *e)
{
	struct notices *ns = arg;
	(void)r;
	ns->ticket = NULL;
	if (!e && ns->more && !ns->stopped)
		read_page(ns);
	/* What could not be deleted is read again, and refused as repeated. */
}

static void
delete_done(struct notices *ns)
{
	int64_t ids[PAGE];
	struct pg_args args;
	int n = 0;
	for (int i = 0; i < ns->n; i++)
		if (ns->notice[i].done)
			ids[n++] = ns->notice[i].id;
	page_over(ns);
	if (n == 0 || ns->stopped)
		return;
	arena_reset(ns->arena);
	pg_args_init(&args, ns->arena);
	pg_arg_int8s(&args, ids, n);
	struct pg_call call = { &stmt_notice_delete, &args };
	ns->ticket = pg_submit_at(NOTICE_DROP, ns->pool, &call, 1, on_deleted, ns);
}

/* ---- submitting --------------------------------------------------------------------------- */

static void
on_answer(void *arg, const struct ingest_answer *a, const struct err *e)
{
	struct notice *x = arg;
	struct notices *ns = x->all;
	/* Not found: nobody watches. Conflict: another worker was quicker. */
	x->done = a || e->kind == ERR_NOT_FOUND || e->kind == ERR_CONFLICT;
	if (--ns->unanswered == 0)
		delete_done(ns);
}

static void
put_attempt(struct jw *j, const PGresult *r, int row)
{
	int64_t attempt = pg_int(r, row, COL_ATTEMPT);
	jw_put_id(j, "msgId", ID_MESSAGE, pg_int(r, row, COL_MSG));
	jw_put_text_or_null(j, "msgEventId", pg_str(r, row, COL_MSG_EVENT_ID));
	jw_key(j, "lastAttempt");
	jw_open_object(j);
	jw_put_id(j, "id", ID_ATTEMPT, attempt);
	jw_put_i64(j, "responseStatusCode", pg_int(r, row, COL_HTTP_STATUS));
	jw_put_time(j, "timestamp", id_time(attempt));
	jw_close_object(j);
}

static void
put_body(struct buf *out, const PGresult *r, int row)
{
	struct jw j;
	struct wall since = pg_time(r, row, COL_FAIL_SINCE);
	struct str reason = pg_str(r, row, COL_REASON);
	buf_init(out, BODY_MAX);
	jw_begin(&j, out);
	jw_open_object(&j);
	jw_put_text(&j, "type", pg_str(r, row, COL_TYPE));
	jw_key(&j, "data");
	jw_open_object(&j);
	jw_put_id(&j, "appId", ID_APP, pg_int(r, row, COL_APP));
	jw_put_text_or_null(&j, "appUid", pg_str(r, row, COL_APP_UID));
	jw_put_id(&j, "endpointId", ID_ENDPOINT, pg_int(r, row, COL_ENDPOINT));
	jw_put_text_or_null(&j, "endpointUid", pg_str(r, row, COL_ENDPOINT_UID));
	if (since.us)
		jw_put_time(&j, "failSince", since);
	if (reason.p)
		jw_put_text(&j, "reason", reason);
	if (!pg_null(r, row, COL_ATTEMPT))
		put_attempt(&j, r, row);
	jw_close_object(&j);
	jw_close_object(&j);
	jw_end(&j);
	assert(!out->failed); /* names are bounded, so that half an event cannot come of it */
}

/* By the attempt where there is one (its number may be another message's as well), else by the
 * notice. */
static void
name_event(struct notice *x, const PGresult *r, int row)
{
	char msg[ID_TEXT_SIZE], attempt[ID_TEXT_SIZE];
	if (pg_null(r, row, COL_ATTEMPT))
		snprintf(x->event_id, sizeof(x->event_id), "notice_%lld", (long long)x->id);
	else
		snprintf(x->event_id, sizeof(x->event_id), "%s.%s",
		    id_to_text(ID_MESSAGE, pg_int(r, row, COL_MSG), msg),
		    id_to_text(ID_ATTEMPT, pg_int(r, row, COL_ATTEMPT), attempt));
}

static void
submit(struct notices *ns, struct notice *x, const PGresult *r, int row)
{
	x->all = ns;
	x->id = pg_int(r, row, COL_ID);
	x->done = false;
	name_event(x, r, row);
	put_body(&x->body, r, row);
	x->event = (struct ingest_event){
		.org = STR(NOTICES_ORG),
		.app_ref = arena_str(ns->arena, pg_str(r, row, COL_ORG)),
		.event_type = arena_str(ns->arena, pg_str(r, row, COL_TYPE)),
		.event_id = str_of(x->event_id),
		.payload = { x->body.data, x->body.len },
	};
	ingest_submit(ns->ingest, &x->event, on_answer, x);
}

static void
on_page(void *arg, const struct pg_result *result, const struct err *e)
{
	struct notices *ns = arg;
	ns->ticket = NULL;
	if (e || ns->stopped)
		return; /* the next beat tells again */
	const PGresult *r = result->res[0];
	ns->n = ns->unanswered = pg_rows(r);
	ns->more = ns->n == PAGE;
	for (int row = 0; row < ns->n; row++)
		submit(ns, &ns->notice[row], r, row);
}

static void
read_page(struct notices *ns)
{
	struct pg_args args;
	arena_reset(ns->arena);
	pg_args_init(&args, ns->arena);
	pg_arg_int4(&args, PAGE);
	struct pg_call call = { &stmt_notice_list, &args };
	ns->ticket = pg_submit_at(NOTICE_READ, ns->pool, &call, 1, on_page, ns);
}

static void
on_told(void *arg)
{
	struct notices *ns = arg;
	if (!ns->ticket && ns->n == 0 && !ns->stopped)
		read_page(ns);
}

/* ---- public ------------------------------------------------------------------------------- */

struct notices *
notices_new(struct loop *l, struct pg_pool *pool, struct sender *sender, struct ingest *in)
{
	struct notices *ns = mem_zalloc(sizeof(*ns));
	ns->loop = l;
	ns->pool = pool;
	ns->ingest = in;
	ns->arena = arena_new();
	sender_on_notices(sender, on_told, ns);
	return ns;
}

void
notices_stop(struct notices *ns)
{
	ns->stopped = true;
}

void
notices_free(struct notices *ns)
{
	if (!ns)
		return;
	if (ns->ticket)
		pg_cancel(ns->ticket);
	page_over(ns);
	arena_free(ns->arena);
	free(ns);
}
