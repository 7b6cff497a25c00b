/* What a producer's SDK sends for `message.create`; a batch is an array of the same bodies. */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define REQUEST_MAX  (64 * 1024 * 1024) /* bytes; no server takes more */

#define EVENT_BEFORE "{\"eventType\":\"" REQUEST_EVENT_TYPE "\",\"payload\":"
#define EVENT_BEHIND "}"

static void
add_head(struct request *r, struct buf *b, const struct peer *peer, const char *app,
    const struct payload *payload, struct request_form form, size_t body)
{
	buf_addf(b, "POST %s/api/v1/app/%s/msg%s HTTP/1.1\r\nHost: %s\r\n", peer->prefix, app,
	    form.batch          ? "/batch"
	    : form.with_content ? ""
				: "?with_content=false",
	    peer->host);
	buf_adds(b, "User-Agent: posthorn-bench/" POSTHORN_VERSION "\r\nAccept: application/json"
		    "\r\nContent-Type: application/json\r\nAuthorization: Bearer ");
	buf_adds(b, peer->token);
	if (form.idempotency_key) {
		buf_addf(b, "\r\nIdempotency-Key: %s-", payload->run);
		r->key_number_at = b->len;
		buf_addf(b, "%016d", 0);
	}
	buf_addf(b, "\r\nContent-Length: %zu\r\n\r\n", body);
}

void
request_init(struct request *r, const struct peer *peer, const char *app,
    const struct payload *payload, struct request_form form)
{
	struct buf b;
	const int events = form.batch ? form.batch : 1;
	const size_t event = strlen(EVENT_BEFORE EVENT_BEHIND) + payload->n;
	/* A batch has a bracket or comma before each event and a bracket behind all. */
	const size_t stride = event + (form.batch > 0);
	*r = (struct request){ .events = events, .stride = stride };
	buf_init(&b, REQUEST_MAX);
	add_head(r, &b, peer, app, payload, form, stride * (size_t)events + (form.batch > 0));
	for (int i = 0; i < events; i++) {
		if (form.batch)
			buf_addc(&b, i ? ',' : '[');
		buf_adds(&b, EVENT_BEFORE);
		if (i == 0)
			r->number_at = b.len + payload->number_at;
		buf_add(&b, payload->bytes, payload->n);
		buf_adds(&b, EVENT_BEHIND);
	}
	if (form.batch)
		buf_addc(&b, ']');
	r->bytes = buf_take(&b, &r->n);
}

void
request_done(struct request *r)
{
	free(r->bytes);
	r->bytes = NULL;
}

void
request_stamp(struct request *r, int64_t number)
{
	char *at = r->bytes + r->number_at;
	for (int i = 0; i < r->events; i++, at += r->stride)
		payload_number_write(at, number + i);
	if (r->key_number_at)
		payload_number_write(r->bytes + r->key_number_at, number);
}
