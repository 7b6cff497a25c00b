/* The parked steps of a hold that are in memory.
 *
 * Invariants: an entry is in the tree by number and in the table by step until it is forgotten; of
 * a key's entries only the oldest is ready, later or under way, the others are blocked; there is
 * one entry for a step, however many rows it has (recovery may have parked it twice): a row that
 * came behind an entry makes the hold read on from there when that is resolved. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#include "send/hold-internal.h"

static int
compare_no(const struct entry *a, const struct entry *b)
{
	return (a->no > b->no) - (a->no < b->no);
}

static int
compare_due(const struct entry *a, const struct entry *b)
{
	if (a->due != b->due)
		return a->due < b->due ? -1 : 1;
	return compare_no(a, b);
}

RB_GENERATE_INTERNAL(entry_tree, entry, by_no, compare_no, UNUSED static)
RB_GENERATE_INTERNAL(entry_due_tree, entry, by_due, compare_due, UNUSED static)

static void
entry_set(struct hold *h, struct entry *en, enum entry_state state)
{
	struct entries *es = &h->entries;
	if (en->state == ENTRY_READY)
		TAILQ_REMOVE(&es->ready, en, ready);
	else if (en->state == ENTRY_LATER)
		RB_REMOVE(entry_due_tree, &es->later, en);
	es->under_way += (state == ENTRY_UNDER_WAY) - (en->state == ENTRY_UNDER_WAY);
	en->state = state;
	if (state == ENTRY_READY)
		TAILQ_INSERT_TAIL(&es->ready, en, ready);
	else if (state == ENTRY_LATER)
		RB_INSERT(entry_due_tree, &es->later, en);
}

/* Ready, or later when its time has not come. */
static void
entry_release(struct hold *h, struct entry *en)
{
	entry_set(h, en, en->due > loop_now(h->all->loop) ? ENTRY_LATER : ENTRY_READY);
}

/* What is behind that number is to be read (again). */
static void
read_again(struct hold *h, int64_t beyond)
{
	if (beyond < h->next_base)
		h->next_base = beyond;
	h->more = true;
}

/* ---- keys --------------------------------------------------------------------------------- */

static struct entry_key *
key_get(struct entries *es, int64_t value)
{
	struct entry_key *key;
	HASH_FIND(hh, es->by_key, &value, sizeof(value), key);
	if (key)
		return key;
	key = mem_zalloc(sizeof(*key));
	key->key = value;
	TAILQ_INIT(&key->list);
	HASH_ADD(hh, es->by_key, key, sizeof(key->key), key);
	return key;
}

static void
key_free(struct entries *es, struct entry_key *key)
{
	HASH_DEL(es->by_key, key);
	free(key);
}

/* Restores the invariant after a key's list changed. */
static void
key_judge(struct hold *h, struct entry_key *key)
{
	struct entry *en, *first = TAILQ_FIRST(&key->list);
	TAILQ_FOREACH(en, &key->list, of_key)
		if (en->state == ENTRY_UNDER_WAY)
			return;
	TAILQ_FOREACH(en, &key->list, of_key) {
		if (en == first && en->state == ENTRY_BLOCKED)
			entry_release(h, en);
		else if (en != first && en->state == ENTRY_BLOCKED)
			break; /* and so is the rest */
		else if (en != first)
			entry_set(h, en, ENTRY_BLOCKED);
	}
}

static void
key_insert(struct hold *h, struct entry_key *key, struct entry *en)
{
	struct entry *after = TAILQ_LAST(&key->list, entry_list);
	while (after && after->no > en->no)
		after = TAILQ_PREV(after, entry_list, of_key);
	if (after)
		TAILQ_INSERT_AFTER(&key->list, after, en, of_key);
	else
		TAILQ_INSERT_HEAD(&key->list, en, of_key);
	en->key = key;
	key->n++;
	key_judge(h, key);
}

static void
key_remove(struct hold *h, struct entry *en)
{
	struct entry_key *key = en->key;
	TAILQ_REMOVE(&key->list, en, of_key);
	en->key = NULL;
	if (--key->n > 0)
		key_judge(h, key);
	else if (key->more_from)
		read_again(h, key->more_from - 1);
	else
		key_free(&h->entries, key);
}

/* Where the key has a hole from now on; 0: nowhere. */
static void
key_set_more(struct entries *es, struct entry_key *key, int64_t more_from)
{
	es->cut += (more_from != 0) - (key->more_from != 0);
	key->more_from = more_from;
}

/* ---- entries ------------------------------------------------------------------------------ */

struct entry *
entries_find(const struct hold *h, int64_t msg_id, int64_t chain)
{
	const struct entry_id id = { msg_id, chain };
	struct entry *en;
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): uthash reads bytes */
	HASH_FIND(hh, h->entries.by_id, &id, sizeof(id), en);
	return en;
}

/* Rows of a key are taken as long as nothing of it was left out before: else the order would have a
 * hole. That holds for a key without entries as well, until a sweep comes by the hole again: one
 * that is under way is past it already (entries_sweep). */
static bool
has_room(const struct entry_key *key, int64_t no)
{
	return !key || (key->n < HOLD_KEY_MAX && (!key->more_from || no < key->more_from));
}

void
entries_add(struct hold *h, const struct parked_row *row)
{
	struct entries *es = &h->entries;
	struct entry *en = entries_find(h, row->msg_id, row->chain);
	if (en && en->state == ENTRY_OVER && row->no > en->no) {
		read_again(h, row->no - 1);
		return;
	}
	if (en) {
		if (row->no > en->no && (!en->again || row->no < en->again))
			en->again = row->no;
		return;
	}
	struct entry_key *key = row->ordered ? key_get(es, row->key) : NULL;
	if (!has_room(key, row->no)) {
		if (!key->more_from || row->no < key->more_from)
			key_set_more(es, key, row->no);
		return;
	}
	en = mem_zalloc(sizeof(*en));
	en->id = (struct entry_id){ row->msg_id, row->chain };
	en->no = row->no;
	en->at = row->at;
	en->seq = row->seq;
	en->tries = row->tries;
	en->trigger = row->trigger;
	en->due = row->due;
	en->state = ENTRY_BLOCKED;
	HASH_ADD(hh, es->by_id, id, sizeof(en->id), en);
	RB_INSERT(entry_tree, &es->by_no, en);
	es->n++;
	es->unordered += !key;
	h->all->nentries++;
	if (key)
		key_insert(h, key, en);
	else
		entry_release(h, en);
}

struct entry *
entries_ready(struct hold *h)
{
	struct entries *es = &h->entries;
	usec_t now = loop_now(h->all->loop);
	struct entry *en;
	while ((en = RB_MIN(entry_due_tree, &es->later)) && en->due <= now)
		entry_set(h, en, ENTRY_READY);
	return TAILQ_FIRST(&es->ready);
}

struct entry *
entries_probe(struct hold *h)
{
	struct entry *en = entries_ready(h);
	if (en)
		return en;
	en = RB_MIN(entry_due_tree, &h->entries.later);
	if (en)
		entry_set(h, en, ENTRY_READY);
	return en;
}

usec_t
entries_next_due(const struct hold *h)
{
	struct entries *es = (struct entries *)(uintptr_t)&h->entries;
	const struct entry *en = RB_MIN(entry_due_tree, &es->later);
	return en ? en->due : 0;
}

void
entry_start(struct hold *h, struct entry *en)
{
	assert(en->state == ENTRY_READY);
	entry_set(h, en, ENTRY_UNDER_WAY);
}

void
entry_later(struct hold *h, struct entry *en, usec_t due)
{
	en->due = due;
	entry_release(h, en);
	if (en->key)
		key_judge(h, en->key);
}

void
entry_return(struct hold *h, struct entry *en)
{
	entry_later(h, en, 0);
}

static void
entry_forget(struct hold *h, struct entry *en)
{
	struct entries *es = &h->entries;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the table */
	HASH_DEL(es->by_id, en);
	es->n--;
	h->all->nentries--;
	free(en);
}

void
entry_resolve(struct hold *h, struct entry *en)
{
	struct entries *es = &h->entries;
	entry_set(h, en, ENTRY_OVER);
	RB_REMOVE(entry_tree, &es->by_no, en);
	if (en->key)
		key_remove(h, en);
	else
		es->unordered--;
	if (en->again)
		read_again(h, en->again - 1);
	if (h->reading)
		es->over++;
	else
		entry_forget(h, en);
}

void
entries_sweep(struct hold *h)
{
	struct entries *es = &h->entries;
	struct entry_key *key, *next;
	if (es->cut == 0)
		return;
	HASH_ITER(hh, es->by_key, key, next) {
		if (key->more_from <= h->beyond)
			continue;
		key_set_more(es, key, 0);
		if (key->n == 0)
			key_free(es, key);
	}
}

void
entries_forget_over(struct hold *h)
{
	struct entry *en, *next;
	if (h->entries.over == 0)
		return;
	HASH_ITER(hh, h->entries.by_id, en, next)
		if (en->state == ENTRY_OVER)
			entry_forget(h, en);
	h->entries.over = 0;
}

void
entries_init(struct entries *es)
{
	RB_INIT(&es->by_no);
	RB_INIT(&es->later);
	TAILQ_INIT(&es->ready);
}

void
entries_free(struct hold *h)
{
	struct entry *en, *next;
	struct entry_key *key, *next_key;
	HASH_ITER(hh, h->entries.by_id, en, next)
		entry_forget(h, en);
	HASH_ITER(hh, h->entries.by_key, key, next_key)
		key_free(&h->entries, key);
}

int64_t
entries_low(const struct hold *h, int64_t none, struct wall *ret_at)
{
	struct entries *es = (struct entries *)(uintptr_t)&h->entries;
	const struct entry *first = RB_MIN(entry_tree, &es->by_no);
	const struct entry_key *key, *next;
	int64_t low = first && first->no - 1 < none ? first->no - 1 : none;
	HASH_ITER(hh, es->by_key, key, next)
		if (key->more_from && key->more_from - 1 < low)
			low = key->more_from - 1;
	ret_at->us = first && low == first->no - 1 ? first->at.us : 0;
	return low;
}
