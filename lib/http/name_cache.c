/* The cache of judged answers: a hash by name and a list by use, the last used at its end.
 *
 * An entry holds its addresses packed behind it: an answer as callers want it takes 2 kB, and 10
 * 000 names must not take 20 MB. Entries whose time is over are removed when they are asked for or
 * when they are the least recently used, so nothing sweeps. */
#include "http/name_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/mem.h"

/* IPv4 in the first four bytes. */
struct packed_address {
	unsigned char family;
	unsigned char bytes[16];
};

struct entry {
	UT_hash_handle hh;
	TAILQ_ENTRY(entry) used;
	usec_t until;
	enum resolved result;
	char *name;   /* owned */
	char *detail; /* owned; NULL when "" */
	int n;
	struct packed_address address[];
};
TAILQ_HEAD(entry_list, entry);

struct name_cache {
	struct entry *by_name;
	struct entry_list by_use;
	int names_max;
};

struct name_cache *
name_cache_new(int names_max)
{
	assert(names_max > 0);
	struct name_cache *c = mem_zalloc(sizeof(*c));
	TAILQ_INIT(&c->by_use);
	c->names_max = names_max;
	return c;
}

static void
remove_entry(struct name_cache *c, struct entry *e)
{
	HASH_DEL(c->by_name, e);
	TAILQ_REMOVE(&c->by_use, e, used);
	free(e->name);
	free(e->detail);
	free(e);
}

void
name_cache_clear(struct name_cache *c)
{
	struct entry *e;
	while ((e = TAILQ_FIRST(&c->by_use)))
		remove_entry(c, e);
}

void
name_cache_free(struct name_cache *c)
{
	if (!c)
		return;
	name_cache_clear(c);
	free(c);
}

int
name_cache_count(const struct name_cache *c)
{
	return (int)HASH_COUNT(c->by_name);
}

static struct entry *
find(struct name_cache *c, const char *name)
{
	struct entry *e;
	HASH_FIND_STR(c->by_name, name, e);
	return e;
}

void
name_cache_drop(struct name_cache *c, const char *name)
{
	struct entry *e = find(c, name);
	if (e)
		remove_entry(c, e);
}

static void
pack(const struct sockaddr_storage *from, struct packed_address *to)
{
	*to = (struct packed_address){ .family = (unsigned char)from->ss_family };
	if (from->ss_family == AF_INET)
		memcpy(to->bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
	else
		memcpy(to->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
}

static void
unpack(const struct packed_address *from, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof(*to));
	to->ss_family = from->family;
	if (from->family == AF_INET)
		memcpy(&((struct sockaddr_in *)to)->sin_addr, from->bytes, 4);
	else
		memcpy(&((struct sockaddr_in6 *)to)->sin6_addr, from->bytes, 16);
}

void
name_cache_put(
    struct name_cache *c, const char *name, const struct resolver_answer *a, usec_t until)
{
	name_cache_drop(c, name);
	if (name_cache_count(c) >= c->names_max)
		remove_entry(c, TAILQ_FIRST(&c->by_use));
	struct entry *e = mem_zalloc(sizeof(*e) + (size_t)a->n * sizeof(e->address[0]));
	e->until = until;
	e->result = a->result;
	e->name = mem_strdup(name);
	e->detail = a->detail[0] ? mem_strdup(a->detail) : NULL;
	e->n = a->n;
	for (int i = 0; i < a->n; i++)
		pack(&a->address[i], &e->address[i]);
	HASH_ADD_KEYPTR(hh, c->by_name, e->name, strlen(e->name), e);
	TAILQ_INSERT_TAIL(&c->by_use, e, used);
}

bool
name_cache_get(struct name_cache *c, const char *name, usec_t now, struct resolver_answer *ret)
{
	struct entry *e = find(c, name);
	if (!e)
		return false;
	if (now >= e->until) {
		remove_entry(c, e);
		return false;
	}
	TAILQ_REMOVE(&c->by_use, e, used);
	TAILQ_INSERT_TAIL(&c->by_use, e, used);
	ret->result = e->result;
	ret->n = e->n;
	for (int i = 0; i < e->n; i++)
		unpack(&e->address[i], &ret->address[i]);
	ret->detail[0] = '\0';
	if (e->detail)
		memccpy(ret->detail, e->detail, '\0', sizeof(ret->detail) - 1);
	ret->detail[sizeof(ret->detail) - 1] = '\0';
	return true;
}
