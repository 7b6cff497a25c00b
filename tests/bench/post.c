/* Only what changes from one event to the next is written: the measured programs should not spend
 * their time here. */
#include "post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

static const char *const names[] = { "webhook-id: ", "webhook-timestamp: ", "webhook-signature: ",
	"svix-id: ", "svix-timestamp: ", "svix-signature: " };

void
poster_init(struct poster *p, const struct part_options *o)
{
	struct sign_secret secret;
	struct err e;
	part_require("--secret", o->secret);
	part_require("--run", o->run);
	if (sign_key_parse(str_of(o->secret), &secret, &e))
		part_die("--secret", e.text);
	p->key = sign_key_new(&secret);
	payload_init(&p->payload, (size_t)o->payload_bytes, o->run);
}

void
poster_done(struct poster *p)
{
	payload_done(&p->payload);
	sign_key_free(p->key);
}

char *
poster_payload(const struct poster *p, int64_t number)
{
	char *bytes = mem_strndup(p->payload.bytes, p->payload.n);
	payload_number_write(bytes + p->payload.number_at, number);
	return bytes;
}

void
post_init(struct post *t, const struct poster *p)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(t->line[i], POST_LINE_SIZE, "%s", names[i]);
		t->header[i] = t->line[i];
	}
	t->header[POST_HEADERS - 1] = "content-type: application/json";
	t->body = poster_payload(p, 0);
}

void
post_done(struct post *t)
{
	free(t->body);
}

void
post_write(struct post *t, const struct poster *p, int64_t number, struct wall now)
{
	char id[ID_TEXT_SIZE], timestamp[STR_I64_SIZE], signature[SIGN_HEADER_SIZE];
	int64_t seconds = now.us / USEC_PER_SEC;
	struct str body = { t->body, p->payload.n };
	payload_number_write(t->body + p->payload.number_at, number);
	struct str values[3] = { str_of(id_to_text(ID_MESSAGE, number, id)),
		str_from_i64(seconds, timestamp), { signature, 0 } };
	values[2].n = sign_header(&p->key, 1, values[0], seconds, body, signature);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str value = values[i % ARRAY_LEN(values)];
		memcpy(t->line[i] + strlen(names[i]), value.p, value.n + 1);
	}
}
