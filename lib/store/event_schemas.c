/* A worker's schemas (event_schemas.h).
 *
 * Invariants: `bytes` and `n` are the sums over the entries; least recently used ones go first; of
 * those who find an entry old, one is sent to read it again and the others take what is there. */
#include "store/event_schemas.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"

#define FRESH       (2 * USEC_PER_SEC) /* as long as that it is believed */
#define STALE       (4 * USEC_PER_SEC) /* as long as that while somebody reads it again */

#define TREE_FACTOR 8 /* bytes of a parsed document for each of its text, about */

struct entry {
	char *key;             /* "org type" */
	struct schema *schema; /* NULL: none */
	int64_t version;       /* 0: none */
	usec_t read_at, asked_at;
	size_t bytes;
	TAILQ_ENTRY(entry) lru;
	UT_hash_handle hh;
};

struct event_schemas {
	struct entry *entries;
	TAILQ_HEAD(entry_lru, entry) lru; /* most recently used first */
	int n;
	size_t bytes;
};

/* ---- entries ---- */

#define KEY_MAX 512

/* A space stands in no organisation and no name. False when it cannot be one. */
static bool
join_key(struct str org, struct str type, char ret[KEY_MAX])
{
	if (org.n + type.n + 2 > KEY_MAX)
		return false;
	memcpy(ret, org.p, org.n);
	ret[org.n] = ' ';
	memcpy(ret + org.n + 1, type.p, type.n);
	ret[org.n + 1 + type.n] = '\0';
	return true;
}

static struct entry *
entry_get(struct event_schemas *c, struct str org, struct str type)
{
	char key[KEY_MAX];
	struct entry *e = NULL;
	if (join_key(org, type, key))
		HASH_FIND_STR(c->entries, key, e);
	return e;
}

static void
entry_free(struct event_schemas *c, struct entry *e)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the table */
	HASH_DEL(c->entries, e);
	TAILQ_REMOVE(&c->lru, e, lru);
	c->n--;
	c->bytes -= e->bytes;
	schema_free(e->schema);
	free(e->key);
	free(e);
}

static void
entry_touch(struct event_schemas *c, struct entry *e)
{
	if (TAILQ_FIRST(&c->lru) == e)
		return;
	TAILQ_REMOVE(&c->lru, e, lru);
	TAILQ_INSERT_HEAD(&c->lru, e, lru);
}

static struct entry *
entry_need(struct event_schemas *c, struct str org, struct str type)
{
	char key[KEY_MAX];
	struct entry *e = entry_get(c, org, type);
	if (e || !join_key(org, type, key))
		return e;
	e = mem_zalloc(sizeof(*e));
	e->key = mem_strdup(key);
	HASH_ADD_KEYPTR(hh, c->entries, e->key, strlen(e->key), e);
	TAILQ_INSERT_HEAD(&c->lru, e, lru);
	c->n++;
	return e;
}

/* ---- what is read ---- */

/* The greatest number ("10" is newer than "9"), or the last name where none is a number, as
 * policy/example.h has it. */
static bool
is_newer(const char *a, const char *b)
{
	int64_t a_number = -1, b_number = -1;
	bool numbers = str_to_i64(str_of(a), 0, INT64_MAX, &a_number) == 0;
	numbers |= str_to_i64(str_of(b), 0, INT64_MAX, &b_number) == 0;
	return numbers ? a_number > b_number : strcmp(a, b) > 0;
}

static json_t *
newest(json_t *schemas)
{
	const char *best = NULL;
	void *at = json_object_iter(schemas);
	for (; at; at = json_object_iter_next(schemas, at))
		if (!best || is_newer(json_object_iter_key(at), best))
			best = json_object_iter_key(at);
	return best ? json_object_get(schemas, best) : NULL;
}

static void
entry_compile(struct event_schemas *c, struct entry *e, struct str text)
{
	struct err why;
	json_error_t wrong;
	schema_free(e->schema);
	e->schema = NULL;
	c->bytes -= e->bytes;
	e->bytes = 0;
	json_t *schemas = json_loadb(text.p ? text.p : "", text.n, JSON_ALLOW_NUL, &wrong);
	json_t *document = newest(schemas);
	if (document && schema_new(document, &e->schema, &why)) /* kept by an older version */
		LOG_WARN(SCHEMA_UNUSABLE, KV("event_type", strchr(e->key, ' ') + 1),
		    KV("reason", (const char *)why.text));
	json_decref(schemas);
	if (e->schema)
		e->bytes = schema_bytes(e->schema) + TREE_FACTOR * text.n;
	c->bytes += e->bytes;
}

/* Columns of event_type_schemas.sql. */
enum {
	COL_HAS,
	COL_VERSION,
	COL_SCHEMAS,
};

void
event_schemas_take(struct event_schemas *c, struct str org, const struct str *types, int n,
    const PGresult *r, usec_t now)
{
	struct entry *e = NULL;
	for (int i = n; i-- > 0;) { /* the first last: nothing evicts it */
		if (i >= pg_rows(r) || !(e = entry_need(c, org, types[i])))
			continue;
		int64_t version = pg_bool(r, i, COL_HAS) ? pg_int(r, i, COL_VERSION) : 0;
		if (version != e->version)
			entry_compile(c, e, pg_str(r, i, COL_SCHEMAS));
		e->version = version;
		e->read_at = now;
		entry_touch(c, e);
	}
	while (c->n > 1 && (c->n > EVENT_SCHEMAS_MAX || c->bytes > EVENT_SCHEMAS_BYTES))
		entry_free(c, TAILQ_LAST(&c->lru, entry_lru));
}

void
event_schemas_args(struct event_schemas *c, struct str org, const struct str *types, int n,
    struct arena *a, struct pg_args *ret)
{
	int64_t *versions = arena_alloc(a, sizeof(*versions) * (size_t)n);
	for (int i = 0; i < n; i++) {
		const struct entry *e = entry_get(c, org, types[i]);
		versions[i] = e ? e->version : 0;
	}
	pg_arg_text(ret, org);
	pg_arg_texts(ret, types, n);
	pg_arg_int8s(ret, versions, n);
}

/* ---- use ---- */

bool
event_schemas_find(
    struct event_schemas *c, struct str org, struct str type, usec_t now, const struct schema **ret)
{
	struct entry *e = entry_get(c, org, type);
	if (!e)
		return false;
	usec_t age = now - e->read_at;
	if (age >= STALE || (age >= FRESH && now - e->asked_at >= FRESH)) {
		e->asked_at = now;
		return false;
	}
	entry_touch(c, e);
	*ret = e->schema;
	return true;
}

void
event_schemas_forget(struct event_schemas *c, struct str org, struct str type)
{
	struct entry *e = entry_get(c, org, type);
	if (e)
		entry_free(c, e);
}

struct event_schemas *
event_schemas_new(void)
{
	struct event_schemas *c = mem_zalloc(sizeof(*c));
	TAILQ_INIT(&c->lru);
	return c;
}

void
event_schemas_free(struct event_schemas *c)
{
	struct entry *e;
	if (!c)
		return;
	while ((e = TAILQ_FIRST(&c->lru)))
		entry_free(c, e);
	free(c);
}
