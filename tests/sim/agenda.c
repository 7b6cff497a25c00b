/* A binary heap over (time, order). */
#include "agenda.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#include "dice.h"
#include "trace.h"

#define AT_ONCE_MAX 20000        /* happenings of one instant */
#define FIRST       USEC_PER_SEC /* no clock stands at 0: the product takes that for "never" */

static struct happening **heap; /* from 1 on */
static int count, room, at_once;
static usec_t now = FIRST;

void
agenda_reset(void)
{
	assert(count == 0);
	now = FIRST;
}

usec_t
agenda_now(void)
{
	return now;
}

int
agenda_count(void)
{
	return count;
}

static bool
before(const struct happening *a, const struct happening *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void
put_at(int i, struct happening *h)
{
	heap[i] = h;
	h->place = i;
}

static void
sift(int i, struct happening *h)
{
	for (; i > 1 && before(h, heap[i / 2]); i /= 2)
		put_at(i, heap[i / 2]);
	for (int child; (child = 2 * i) <= count; i = child) {
		if (child < count && before(heap[child + 1], heap[child]))
			child++;
		if (!before(heap[child], h))
			break;
		put_at(i, heap[child]);
	}
	put_at(i, h);
}

void
agenda_remove(struct happening *h)
{
	if (!h->place)
		return;
	int hole = h->place;
	struct happening *last = heap[count--];
	h->place = 0;
	if (last != h)
		sift(hole, last);
}

void
agenda_put(struct happening *h, usec_t at)
{
	agenda_remove(h);
	h->at = at > now ? at : now;
	h->order = (uint64_t)dice(0, INT64_MAX);
	if (count + 2 > room) {
		room = room ? 2 * room : 256;
		heap = mem_realloc(heap, sizeof(struct happening *) * (size_t)room);
	}
	count++;
	sift(count, h);
}

struct happening *
agenda_next(void)
{
	if (count == 0)
		return NULL;
	struct happening *h = heap[1];
	agenda_remove(h);
	at_once = h->at > now ? 0 : at_once + 1;
	if (at_once > AT_ONCE_MAX)
		violation("time stands still: somebody is busy with nothing");
	now = h->at;
	return h;
}

struct happening *
agenda_due(const struct loop *l)
{
	if (count == 0 || heap[1]->at > now || heap[1]->loop != l)
		return NULL;
	return agenda_next();
}

usec_t
agenda_next_at(void)
{
	return count ? heap[1]->at : INT64_MAX;
}
