/* What a producer's SDK sends for `message.create`. */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define REQUEST_MAX (2 * 1024 * 1024)

#define BODY_BEFORE "{\"eventType\":\"posthorn.bench\",\"payload\":"
#define BODY_BEHIND "}"

void
request_init(struct request *r, const struct peer *peer, const char *app,
    const struct payload *payload, struct request_form form)
{
	struct buf b;
	*r = (struct request){ 0 };
	buf_init(&b, REQUEST_MAX);
	buf_addf(&b, "POST %s/api/v1/app/%s/msg%s HTTP/1.1\r\nHost: %s\r\n", peer->prefix, app,
	    form.with_content ? "" : "?with_content=false", peer->host);
	buf_adds(&b, "User-Agent: posthorn-bench/" POSTHORN_VERSION "\r\nAccept: application/json"
		     "\r\nContent-Type: application/json\r\nAuthorization: Bearer ");
	buf_adds(&b, peer->token);
	if (form.idempotency_key) {
		buf_addf(&b, "\r\nIdempotency-Key: %s-", payload->run);
		r->key_number_at = b.len;
		buf_addf(&b, "%016d", 0);
	}
	buf_adds(&b, "\r\nContent-Length: ");
	buf_add_i64(&b, (int64_t)(strlen(BODY_BEFORE BODY_BEHIND) + payload->n));
	buf_adds(&b, "\r\n\r\n" BODY_BEFORE);
	r->number_at = b.len + payload->number_at;
	buf_add(&b, payload->bytes, payload->n);
	buf_adds(&b, BODY_BEHIND);
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
	payload_number_write(r->bytes + r->number_at, number);
	if (r->key_number_at)
		payload_number_write(r->bytes + r->key_number_at, number);
}
