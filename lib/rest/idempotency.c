/* Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): durable, shared by all workers.
 *
 *   claim (a row without a status) → the handler → 2xx: its answer is stored in the row
 *                                                → else: the row is deleted, the key is free again
 *
 * The claim is committed before the handler begins and the answer before it is sent. A process that
 * dies in between leaves a claim; after STALE_S it may be taken over. What the handler did is not
 * undone then: the key protects against repetition, not against crashes. Rows live in buckets of 6
 * hours, so that they can be dropped whole; a key is looked for in every bucket that its time to
 * live touches.
 *
 * An answer with a signing key or a token in it is kept sealed: the row would outlive the next
 * rotation of that key, and tables are read by more people than may sign. What opens it is not in
 * the database: the Idempotency-Key itself, of which the row has a fingerprint only, and the
 * server's own key, against those who can guess the first.
 *
 * POSTs of messages do this inside their append (lib/ingest). */
#include "rest/idempotency.h"

#include <string.h>

#include "base/metric.h"

#include "policy/seal.h"
#include "rest/reply.h"
#include "statements.h"

#define STALE_S  60
#define BUCKET_S 21600
#define KEY_MAX  256 /* bytes of the header's value */

struct key_claim {
	void (*handle)(struct call *c);
	unsigned char key[FINGERPRINT_SIZE];
	unsigned char body[FINGERPRINT_SIZE];
	int64_t app_id; /* 0: outside of an application, or it was named by uid */
	int32_t bucket, oldest;
	struct wall claimed;
	void *state; /* key_pin: the caller's */
	int status;  /* the answer to be sent, once there is one */
	struct str answer;
	const char *extra;
};

_Static_assert(FINGERPRINT_SIZE == SEAL_KEY_SIZE, "a fingerprint is a key");

static struct str
digest_text(const unsigned char digest[FINGERPRINT_SIZE])
{
	return (struct str){ (const char *)digest, FINGERPRINT_SIZE };
}

static struct key_claim *
claim_new(struct call *c, struct str key, void (*handle)(struct call *c))
{
	struct key_claim *k = arena_zalloc(c->arena, sizeof(*k));
	struct str path = c->rq->path;
	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	const struct str whose[] = { str_of(c->token.org), str_of(c->token.app), STR("POST"), path,
		key };
	const struct str what[] = { c->rq->query, c->rq->body };
	fingerprint(whose, ARRAY_LEN(whose), k->key);
	fingerprint(what, ARRAY_LEN(what), k->body);
	int64_t now_s = loop_wall(c->parts->loop).us / USEC_PER_SEC;
	k->handle = handle;
	k->app_id = c->app.id;
	k->bucket = (int32_t)(now_s / BUCKET_S);
	k->oldest = (int32_t)((now_s - c->parts->config->idempotency_ttl / 1000) / BUCKET_S);
	return k;
}

/* The arguments that every statement begins with. */
static struct pg_args *
key_args(struct call *c, const struct key_claim *k)
{
	struct pg_args *a = call_args(c);
	pg_arg_int8(a, k->app_id);
	pg_arg_bytes(a, digest_text(k->key));
	return a;
}

/* ---- answers that are kept sealed ---- */

static void
sealing_key(struct call *c, const struct key_claim *k, unsigned char out[SEAL_KEY_SIZE])
{
	const struct config *o = c->parts->config;
	const struct str of_server[] = {
		{ (const char *)o->jwt_secret.bytes, o->jwt_secret.len },
		{ o->jwt_private_key.bytes, o->jwt_private_key.len },
	};
	const struct str parts[] = { STR("answer"), of_server[0], of_server[1], digest_text(k->key),
		http_header_get(c->rq, "idempotency-key") };
	fingerprint(parts, ARRAY_LEN(parts), out);
}

static struct str
seal_answer(struct call *c, const struct key_claim *k, struct str answer)
{
	unsigned char key[SEAL_KEY_SIZE];
	struct buf sealed;
	buf_init(&sealed, 2 * answer.n + 128);
	sealing_key(c, k, key);
	seal(key, answer, &sealed);
	struct str copy = { arena_strndup(c->arena, sealed.data, sealed.len), sealed.len };
	explicit_bzero(key, sizeof(key));
	buf_free(&sealed);
	return copy;
}

/* The answer as it was, or {NULL, 0}. Most are kept as they are; none of those, which are JSON,
 * looks like a sealed one. */
static struct str
open_answer(struct call *c, const struct key_claim *k, struct str kept)
{
	unsigned char key[SEAL_KEY_SIZE];
	struct buf answer;
	struct str copy = { NULL, 0 };
	if (!seal_is(kept))
		return kept;
	buf_init(&answer, kept.n + 1);
	sealing_key(c, k, key);
	if (seal_open(key, kept, &answer) == 0)
		copy = (struct str){ arena_strndup(c->arena, answer.data, answer.len), answer.len };
	explicit_bzero(key, sizeof(key));
	explicit_bzero(answer.data, answer.len);
	buf_free(&answer);
	return copy;
}

static void
replay(struct call *c, const struct key_claim *k, int status, struct str kept)
{
	struct str answer = open_answer(c, k, kept);
	if (!answer.p) {
		call_fail_with(c, ERR_CONFLICT,
		    "The answer to this Idempotency-Key cannot be read any more: the server's key "
		    "has changed since");
		return;
	}
	metric_add(METRIC_REPLAYED_KEYS, 1);
	reply_send(c, status, answer, "idempotency-replayed: true\r\n");
}

/* ---- claims ---- */

static void
refuse_other_body(struct call *c)
{
	static const char *const loc[] = { "header", "idempotency-key", NULL };
	call_invalid(c, loc, "was used with another request before");
}

static void
on_claimed(struct call *c, const struct pg_result *r)
{
	const PGresult *row = r->res[1];
	struct key_claim *k = c->state;
	c->state = NULL;
	if (!pg_null(row, 0, 0)) {
		c->key = k;
		k->claimed = pg_time(row, 0, 0);
		k->handle(c);
	} else if (!pg_bool(row, 0, 1)) {
		refuse_other_body(c);
	} else if (pg_null(row, 0, 2)) {
		call_fail_with(c, ERR_CONFLICT, "A request with this Idempotency-Key is under way");
	} else {
		replay(c, k, (int)pg_int(row, 0, 2), pg_str(row, 0, 3));
	}
}

static void
on_pinned(struct call *c, const struct pg_result *r)
{
	struct key_claim *k = c->state;
	c->state = k->state;
	if (pg_bool(r->res[1], 0, 0))
		k->handle(c);
	else
		refuse_other_body(c);
}

/* The arguments that claim and pin share. */
static struct pg_args *
tie_args(struct call *c, const struct key_claim *k)
{
	struct pg_args *a = key_args(c, k);
	pg_arg_int4(a, k->oldest);
	pg_arg_int4(a, k->bucket);
	pg_arg_bytes(a, digest_text(k->body));
	return a;
}

/* One request with a key after the other. */
static void
tie(struct call *c, struct key_claim *k, const struct pg_stmt *how, const struct pg_args *a,
    call_fn fn)
{
	int64_t lock;
	memcpy(&lock, k->key, sizeof(lock));
	struct pg_args *line = call_args(c);
	pg_arg_int8(line, k->app_id);
	pg_arg_int8(line, lock);
	const struct pg_call calls[] = { { &stmt_idempotency_lock, line }, { how, a } };
	c->state = k;
	call_query_db(c, calls, ARRAY_LEN(calls), fn);
}

/* The key of the call, or NULL: `handle` was called without one, or the call was answered. */
static struct key_claim *
claim_of(struct call *c, void (*handle)(struct call *c))
{
	struct str key = http_header_get(c->rq, "idempotency-key");
	if (!key.p || !c->token.org[0]) {
		handle(c);
		return NULL;
	}
	if (key.n == 0 || key.n > KEY_MAX) {
		call_fail_with(
		    c, ERR_BAD_REQUEST, "Idempotency-Key: 1 to %d bytes expected", KEY_MAX);
		return NULL;
	}
	return claim_new(c, key, handle);
}

void
key_guard(struct call *c, void (*handle)(struct call *c))
{
	struct key_claim *k = claim_of(c, handle);
	if (!k)
		return;
	struct pg_args *a = tie_args(c, k);
	pg_arg_int4(a, STALE_S);
	tie(c, k, &stmt_idempotency_claim, a, on_claimed);
}

void
key_pin(struct call *c, void (*then)(struct call *c))
{
	struct key_claim *k = claim_of(c, then);
	if (!k)
		return;
	k->state = c->state;
	tie(c, k, &stmt_idempotency_pin, tie_args(c, k), on_pinned);
}

/* ---- the answer ---- */

static void
on_settled(struct call *c, const struct pg_result *r, const struct err *e)
{
	/* When it could not be stored the claim stays until it is stale; what was done is done, and
	 * is told. */
	(void)r, (void)e;
	struct key_claim *k = c->key;
	reply_send(c, k->status, k->answer, k->extra);
}

void
key_settle(struct call *c, int status, struct str body, const char *extra)
{
	struct key_claim *k = c->key;
	struct pg_args *a = key_args(c, k);
	pg_arg_int4(a, k->bucket);
	pg_arg_time(a, k->claimed);
	k->status = status;
	k->answer = body; /* in a buffer of the call's arena, or a constant */
	k->extra = arena_strdup(c->arena, extra);
	struct pg_call one = { &stmt_idempotency_drop, a };
	if (status >= 200 && status < 300) {
		one.stmt = &stmt_idempotency_store;
		pg_arg_int2(a, (int16_t)status);
		struct str kept = c->confidential ? seal_answer(c, k, body) : body;
		pg_arg_text(a, kept.n ? kept : STR(""));
	}
	call_query_either(c, &one, 1, on_settled);
}
