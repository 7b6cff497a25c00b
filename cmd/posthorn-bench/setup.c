/* Calls of the API before and after a run. The event types are left behind: they are the same for
 * all runs, and messages refer to them. */
#include "setup.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/jw.h"

#include "connection.h"
#include "policy/slice.h"

#define CALL_MAX 65536 /* bytes of a request */

/* One conversation with the API. */
struct api {
	struct loop *loop;
	const struct options *options;
	const struct peer *peer;
	struct connection *connection;
	struct arena *arena;
	bool answered;
	int status; /* 0: no answer */
	struct str body;
};

static void
on_answer(void *arg, int status, struct str body)
{
	struct api *a = arg;
	a->answered = true;
	a->status = status;
	a->body = arena_str(a->arena, body);
}

static void
api_init(struct api *a, struct loop *l, const struct options *o, const struct peer *peer)
{
	*a = (struct api){ .loop = l, .options = o, .peer = peer, .arena = arena_new() };
	a->connection = connection_new(l, &peer->node[0], on_answer, a);
}

static void
api_done(struct api *a)
{
	connection_free(a->connection);
	arena_free(a->arena);
}

static void
wait_for_answer(struct api *a)
{
	usec_t give_up = clock_mono() + a->options->timeout * USEC_PER_MS;
	a->answered = false;
	while (!a->answered) {
		loop_turn(a->loop, 100);
		if (clock_mono() > give_up)
			connection_abort(a->connection);
	}
}

/* A call that must be answered with 2xx, or with the status `also` (0: none). */
static int
call(struct api *a, const char *method, const char *path, const char *body, int also, struct err *e)
{
	struct buf b;
	buf_init(&b, CALL_MAX);
	buf_addf(&b,
	    "%s %s/api/v1%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    method, a->peer->prefix, path, a->peer->host, a->peer->token, strlen(body), body);
	connection_send(a->connection, b.data, b.len);
	buf_free(&b);
	wait_for_answer(a);
	if ((a->status >= 200 && a->status < 300) || (also && a->status == also))
		return 0;
	if (a->status == 0)
		return err_set(e, ERR_IO, "%s %s: no answer", method, path);
	return err_set(e, ERR_IO, "%s %s: %d %.*s", method, path, a->status,
	    a->body.n < 120 ? (int)a->body.n : 120, a->body.p);
}

/* The "id" of the last answer. */
static int
answer_id(struct api *a, char out[FLEET_ID_SIZE], struct err *e)
{
	struct slice s;
	if (slice_object(a->body, &s, e))
		return -1;
	const struct slice_member *m = slice_get(&s, "id");
	if (!m || m->kind != SLICE_STRING || m->value.n > FLEET_ID_SIZE)
		return err_set(e, ERR_IO, "an answer without an id");
	struct str id = slice_string(m, a->arena);
	snprintf(out, FLEET_ID_SIZE, "%.*s", STR_FMT(id));
	return 0;
}

#define UNMATCHED_TYPE REQUEST_EVENT_TYPE ".unmatched"

static int
create_event_types(struct api *a, struct err *e)
{
	static const char *const bodies[] = {
		"{\"name\":\"" REQUEST_EVENT_TYPE
		"\",\"description\":\"Events of posthorn-bench\"}",
		"{\"name\":\"" UNMATCHED_TYPE "\",\"description\":\"None of posthorn-bench\"}",
	};
	const int n = a->options->unmatched ? 2 : 1;
	for (int i = 0; i < n; i++)
		if (call(a, "POST", "/event-type", bodies[i], 409, e))
			return -1;
	return 0;
}

static int
create_endpoint(struct api *a, const struct fleet *f, const struct receiver *r, int app, int hook,
    struct err *e)
{
	char url[RECEIVER_URL_SIZE], secret[SIGN_TEXT_SIZE], path[FLEET_ID_SIZE + 32];
	struct buf b;
	struct jw j;
	buf_init(&b, CALL_MAX / 2);
	sign_key_to_text(&f->hook[hook].secret, secret);
	jw_begin(&j, &b);
	jw_open_object(&j);
	jw_put_text(&j, "url", str_of(receiver_url(r, hook, url)));
	jw_put_text(&j, "secret", str_of(secret));
	jw_put_text(&j, "description", str_of(fleet_rule(f, hook)->name));
	if (a->options->unmatched)
		jw_put_raw(&j, "filterTypes", STR("[\"" UNMATCHED_TYPE "\"]"));
	if (a->options->retry_schedule) {
		const char *list = arena_printf(a->arena, "[%s]", a->options->retry_schedule);
		jw_put_raw(&j, "retrySchedule", str_of(list));
	}
	jw_close_object(&j);
	jw_end(&j);
	snprintf(path, sizeof(path), "/app/%s/endpoint", f->app[app].id);
	int rc = call(a, "POST", path, b.data, 0, e);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(b.data, b.len);
	buf_free(&b);
	return rc;
}

static int
create_app(struct api *a, struct fleet *f, const struct payload *payload, const struct receiver *r,
    int app, struct err *e)
{
	char body[96];
	struct fleet_app *made = &f->app[app];
	snprintf(body, sizeof(body), "{\"name\":\"posthorn-bench %s %d\"}", payload->run, app);
	if (call(a, "POST", "/app", body, 0, e) || answer_id(a, made->id, e))
		return -1;
	for (int i = 0; i < f->endpoints; i++)
		if (create_endpoint(a, f, r, app, app * f->endpoints + i, e))
			return -1;
	request_init(&made->request, a->peer, made->id, payload,
	    (struct request_form){
		a->options->idempotency_key, a->options->with_content, (int)a->options->batch });
	arena_reset(a->arena);
	return 0;
}

int
setup_create(struct loop *l, const struct options *o, const struct peer *peer, struct fleet *fleet,
    const struct payload *payload, const struct receiver *receiver, struct err *e)
{
	struct api a;
	api_init(&a, l, o, peer);
	int rc = create_event_types(&a, e);
	for (int i = 0; i < fleet->napps && rc == 0; i++)
		rc = create_app(&a, fleet, payload, receiver, i, e);
	api_done(&a);
	return rc;
}

int
setup_delete(struct loop *l, const struct options *o, const struct peer *peer,
    const struct fleet *fleet, struct err *e)
{
	struct api a;
	struct err ignored;
	int rc = 0;
	api_init(&a, l, o, peer);
	for (int i = 0; i < fleet->napps && fleet->app[i].id[0]; i++) {
		char path[FLEET_ID_SIZE + 8];
		snprintf(path, sizeof(path), "/app/%s", fleet->app[i].id);
		if (call(&a, "DELETE", path, "", 404, rc ? &ignored : e))
			rc = -1;
		arena_reset(a.arena);
	}
	api_done(&a);
	return rc;
}
