/* Identifiers and their text form. The milliseconds begin in 2020 so that 41 bits last until 2089.
 */
#include "base/id.h"

#include <assert.h>
#include <string.h>

#define ID_EPOCH_MS INT64_C(1577836800000) /* 2020-01-01T00:00:00Z */
#define ID_TIME_BIT 22
#define ID_SLOT_BIT 12
#define ID_TIME_MAX ((INT64_C(1) << 41) - 1)

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char *const prefixes[] = {
	[ID_APP] = "app_",
	[ID_ENDPOINT] = "ep_",
	[ID_MESSAGE] = "msg_",
	[ID_ATTEMPT] = "atmpt_",
	[ID_DEAD_LETTER] = "dl_",
	[ID_TASK] = "qtask_",
	[ID_POLL] = "poll_",
};

void
id_source_init(struct id_source *s, int slot, int64_t floor)
{
	assert(slot >= 0 && slot < ID_SLOTS);
	*s = (struct id_source){ .slot = slot, .last = floor };
}

static int64_t
id_make(int64_t ms, int slot, int64_t counter)
{
	return ms << ID_TIME_BIT | (int64_t)slot << ID_SLOT_BIT | counter;
}

int64_t
id_next(struct id_source *s, struct wall now)
{
	int64_t ms = now.us / 1000 - ID_EPOCH_MS;
	int64_t first = id_make(ms > 0 ? ms : 0, s->slot, 0);
	if (first <= s->last) {
		/* The clock has not moved on (or back): count, and when the counter is used up or
		 * the last id was another slot's, borrow the next millisecond. */
		int64_t last_ms = s->last >> ID_TIME_BIT;
		int64_t counter = s->last & ((1 << ID_SLOT_BIT) - 1);
		if (id_slot(s->last) == s->slot && counter + 1 < (1 << ID_SLOT_BIT))
			first = s->last + 1;
		else
			first = id_make(last_ms + 1, s->slot, 0);
	}
	s->last = first;
	return first;
}

int64_t
id_floor(struct wall t)
{
	int64_t ms = t.us / 1000 - ID_EPOCH_MS;
	if (ms < 0)
		return 0;
	return (ms > ID_TIME_MAX ? ID_TIME_MAX : ms) << ID_TIME_BIT;
}

struct wall
id_time(int64_t id)
{
	return (struct wall){ ((id >> ID_TIME_BIT) + ID_EPOCH_MS) * 1000 };
}

int
id_slot(int64_t id)
{
	return (int)(id >> ID_SLOT_BIT & (ID_SLOTS - 1));
}

const char *
id_prefix(enum id_kind kind)
{
	return prefixes[kind];
}

const char *
id_to_text(enum id_kind kind, int64_t id, char out[ID_TEXT_SIZE])
{
	size_t n = strlen(prefixes[kind]);
	memcpy(out, prefixes[kind], n);
	uint64_t v = (uint64_t)id;
	for (size_t i = ID_DIGITS; i-- > 0; v /= 62)
		out[n + i] = digits[v % 62];
	out[n + ID_DIGITS] = '\0';
	return out;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 36;
	return -1;
}

int
id_from_text(enum id_kind kind, struct str s, int64_t *ret)
{
	size_t n = strlen(prefixes[kind]);
	if (s.n != n + ID_DIGITS || memcmp(s.p, prefixes[kind], n) != 0)
		return -1;
	int64_t v = 0;
	for (size_t i = n; i < s.n; i++) {
		int d = digit_value(s.p[i]);
		if (d < 0 || __builtin_mul_overflow(v, 62, &v) || __builtin_add_overflow(v, d, &v))
			return -1;
	}
	*ret = v;
	return 0;
}

bool
id_has_prefix(enum id_kind kind, struct str s)
{
	return str_starts(s, str_of(prefixes[kind]));
}
