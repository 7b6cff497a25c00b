/* {"n":"0000000000000042","pad":"xxx…","run":"0123456789abcdef"}: keys sorted, no blanks, nothing
 * to escape, so that servers which parse and print again have the best chance to keep the bytes. */
#include "payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

#include "policy/slice.h"

#define HEAD   "{\"n\":\""
#define MIDDLE "\",\"pad\":\""
#define TAIL   "\",\"run\":\""
#define END    "\"}"

#define FIXED  (sizeof(HEAD MIDDLE TAIL END) - 1 + PAYLOAD_NUMBER_DIGITS + PAYLOAD_RUN_SIZE - 1)
_Static_assert(FIXED <= 64, "the smallest payload");

void
payload_init(struct payload *p, size_t n, const char *run)
{
	uint64_t random;
	rand_bytes(&random, sizeof(random));
	*p = (struct payload){ .bytes = mem_alloc(n + 1), .n = n, .number_at = sizeof(HEAD) - 1 };
	if (run)
		snprintf(p->run, sizeof(p->run), "%s", run);
	else
		snprintf(p->run, sizeof(p->run), "%016llx", (unsigned long long)random);
	size_t before = sizeof(HEAD MIDDLE) - 1 + PAYLOAD_NUMBER_DIGITS, pad = n - FIXED;
	snprintf(p->bytes, n + 1, HEAD "%016d" MIDDLE, 0);
	memset(p->bytes + before, 'x', pad);
	snprintf(p->bytes + before + pad, n + 1 - before - pad, TAIL "%s" END, p->run);
}

void
payload_done(struct payload *p)
{
	free(p->bytes);
	p->bytes = NULL;
}

void
payload_number_write(char *at, int64_t number)
{
	for (int i = PAYLOAD_NUMBER_DIGITS - 1; i >= 0; i--) {
		at[i] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* The members of whatever the server made of it. */
static enum payload_verdict
read_altered(const struct payload *p, struct str body, int64_t *ret_number)
{
	struct slice s;
	struct err e;
	if (body.n == 0 || slice_object(body, &s, &e))
		return PAYLOAD_FOREIGN;
	const struct slice_member *n = slice_get(&s, "n"), *run = slice_get(&s, "run");
	if (!n || !run || n->kind != SLICE_STRING || run->kind != SLICE_STRING)
		return PAYLOAD_FOREIGN;
	struct str number = { n->value.p + 1, n->value.n - 2 };
	struct str name = { run->value.p + 1, run->value.n - 2 };
	if (!str_eq(name, str_of(p->run)) || str_to_i64(number, 0, INT64_MAX, ret_number))
		return PAYLOAD_FOREIGN;
	return PAYLOAD_ALTERED;
}

enum payload_verdict
payload_read(const struct payload *p, struct str body, int64_t *ret_number)
{
	size_t behind = p->number_at + PAYLOAD_NUMBER_DIGITS;
	struct str number = { body.p + p->number_at, PAYLOAD_NUMBER_DIGITS };
	if (body.n == p->n && memcmp(body.p, p->bytes, p->number_at) == 0 &&
	    memcmp(body.p + behind, p->bytes + behind, p->n - behind) == 0 &&
	    str_to_i64(number, 0, INT64_MAX, ret_number) == 0)
		return PAYLOAD_EXACT;
	return read_altered(p, body, ret_number);
}
