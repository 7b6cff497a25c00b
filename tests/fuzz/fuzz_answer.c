/* http/answer_parser: the result must not depend on how the answer is split: at once, in two pieces
 * (at every position of a small input, at some of a large one) and byte by byte. Bounds hold, and
 * what is whole was final. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "http/answer_parser.h"

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define SPLITS 64 /* of one input, so that large ones do not take quadratic time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct answer_limits limits = { .head_max = 512, .read_body = 200, .keep_body = 50 };

struct reader {
	struct answer a;
	enum answer_result result;
	size_t used;
	struct answer_wanted wanted;
};

static void
start(struct reader *r)
{
	*r = (struct reader){
		.result = ANSWER_MORE,
		.wanted = { .n = 1, .field = { { .name = STR("Date"), .len = -1 } } },
	};
	answer_init(&r->a, &limits);
	r->a.wanted = &r->wanted;
}

/* The next n bytes, in a block of exactly that size. */
static void
feed(struct reader *r, const char *p, size_t n)
{
	if (r->result != ANSWER_MORE)
		return;
	size_t used;
	char *exact = mem_dup(n ? p : "", n ? n : 1);
	r->result = answer_feed(&r->a, (struct str){ exact, n }, &used);
	free(exact);
	CHECK(used <= n);
	CHECK(r->result != ANSWER_MORE || used == n);
	r->used += used;
}

static void
promises(const struct reader *r)
{
	const struct answer *a = &r->a;
	CHECK(a->status == 0 || (a->status >= 200 && a->status <= 999));
	CHECK(a->body.len <= limits.keep_body && a->body.len <= a->body_bytes);
	CHECK(a->retry_after_len >= -1 && a->retry_after_len <= ANSWER_RETRY_AFTER_MAX);
	const struct answer_wanted_field *w = &r->wanted.field[0];
	CHECK(w->len >= -1 && w->len <= ANSWER_WANTED_VALUE_MAX && (w->len < 0 || w->seen > 0));
	CHECK((r->result == ANSWER_REFUSED) == (a->reason != NULL));
	CHECK(a->line.len <= limits.head_max);
	if (r->result == ANSWER_WHOLE)
		CHECK(a->status && a->body_bytes <= limits.read_body);
	if (answer_ends_whole(a))
		CHECK(a->status && r->result == ANSWER_MORE);
}

static void
same(const struct reader *a, const struct reader *b)
{
	CHECK(a->result == b->result && a->a.status == b->a.status);
	CHECK(a->a.reason == b->a.reason && a->a.keep_alive == b->a.keep_alive);
	CHECK(answer_ends_whole(&a->a) == answer_ends_whole(&b->a));
	CHECK(a->result != ANSWER_WHOLE || a->used == b->used);
	CHECK(a->a.body.len == b->a.body.len);
	CHECK(memcmp(a->a.body.data, b->a.body.data, a->a.body.len) == 0);
	CHECK(a->a.retry_after_len == b->a.retry_after_len);
	CHECK(a->wanted.field[0].seen == b->wanted.field[0].seen);
	CHECK(a->wanted.field[0].len == b->wanted.field[0].len);
	if (a->a.retry_after_len > 0)
		CHECK(
		    memcmp(a->a.retry_after, b->a.retry_after, (size_t)a->a.retry_after_len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct reader whole, r;
	start(&whole);
	feed(&whole, p, size);
	promises(&whole);
	start(&r);
	for (size_t i = 0; i < size; i++)
		feed(&r, p + i, 1);
	promises(&r);
	same(&whole, &r);
	answer_free(&r.a);
	size_t step = size / SPLITS + 1;
	for (size_t i = 0; i <= size; i += step) {
		start(&r);
		feed(&r, p, i);
		feed(&r, p + i, size - i);
		same(&whole, &r);
		answer_free(&r.a);
	}
	answer_free(&whole.a);
	return 0;
}
