/* Parts of a schema document, and references between them (schema-source.h). JSON pointers: RFC
 * 6901; in a fragment they are percent-encoded. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

#include "policy/schema-source.h"

#define TOLD_SEGMENTS 8 /* of a place, the innermost */

struct source *
source_new(struct schema *out, struct err *e)
{
	struct arena *a = arena_new();
	struct source *s = arena_zalloc(a, sizeof(*s));
	s->arena = a;
	s->out = out;
	s->e = e;
	STAILQ_INIT(&s->queue);
	STAILQ_INIT(&s->references);
	return s;
}

void
source_free(struct source *s)
{
	HASH_CLEAR(hh, s->by_json);
	HASH_CLEAR(hh_name, s->by_name);
	arena_free(s->arena);
}

/* ---- faults ---- */

/* "properties/name/items" */
static void
put_place(char *ret, size_t size, const struct spot *at)
{
	const struct spot *list[TOLD_SEGMENTS];
	int n = 0;
	size_t used = 0;
	for (; at && at->up && n < TOLD_SEGMENTS; at = at->up)
		list[n++] = at;
	ret[0] = '\0';
	while (n-- > 0 && used < size) {
		const struct spot *p = list[n];
		if (p->key)
			used += (size_t)snprintf(
			    ret + used, size - used, "%s/%.32s/", p->keyword, p->key);
		else if (p->index != SIZE_MAX)
			used += (size_t)snprintf(
			    ret + used, size - used, "%s/%zu/", p->keyword, p->index);
		else
			used += (size_t)snprintf(ret + used, size - used, "%s/", p->keyword);
	}
}

int
source_fault(struct source *s, const struct spot *at, const char *keyword, const char *fmt, ...)
{
	char place[128], what[160];
	va_list ap;
	if (s->failed)
		return -1;
	s->failed = true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	put_place(place, sizeof(place), at);
	return err_set(
	    s->e, ERR_INVALID, "%s%s: %s", place, keyword ? keyword : "the schema", what);
}

/* ---- subschemas ---- */

/* An $id, unless a $ref makes it mean nothing. */
static const char *
id_of(const json_t *v)
{
	return json_object_get(v, "$ref") ? NULL : json_string_value(json_object_get(v, "$id"));
}

static bool
is_foreign(const json_t *v)
{
	const char *id = id_of(v);
	return id && id[0] != '#';
}

static struct spot *
spot_new(struct source *s, const json_t *v)
{
	struct spot *p = arena_zalloc(s->arena, sizeof(*p));
	p->json = v;
	p->node = arena_zalloc(s->out->arena, sizeof(*p->node));
	SLIST_INIT(&p->same);
	HASH_ADD_PTR(s->by_json, json, p);
	STAILQ_INSERT_TAIL(&s->queue, p, queue);
	if (++s->n > SCHEMA_NODES_MAX)
		source_fault(s, NULL, NULL, "has more than %d parts", SCHEMA_NODES_MAX);
	return p;
}

static void
spot_name(struct source *s, struct spot *p)
{
	const char *id = id_of(p->json);
	struct spot *other;
	if (!id || id[0] != '#' || id[1] == '\0')
		return;
	HASH_FIND(hh_name, s->by_name, id, strlen(id), other);
	if (!other)
		HASH_ADD_KEYPTR(hh_name, s->by_name, id, strlen(id), p);
}

/* jansson has one `true` and one `false` for all: their spot is wherever the first one stood. */
static struct spot *
spot_get(struct source *s, const json_t *v, const struct spot *up)
{
	struct spot *p;
	HASH_FIND_PTR(s->by_json, &v, p);
	if (p)
		return p;
	p = spot_new(s, v);
	p->up = up;
	p->index = SIZE_MAX;
	p->foreign = up && (up->foreign || is_foreign(v));
	spot_name(s, p);
	return p;
}

static void
link_same(struct source *s, struct spot *from, struct spot *to)
{
	struct edge *edge = arena_alloc(s->arena, sizeof(*edge));
	edge->to = to;
	SLIST_INSERT_HEAD(&from->same, edge, entry);
}

static struct spot *
spot_below(struct source *s, const json_t *v, const char *keyword, enum source_step step)
{
	int before = s->n;
	struct spot *p = spot_get(s, v, s->at);
	if (s->n > before)
		p->keyword = keyword;
	if (step == SOURCE_SAME && !s->alone)
		link_same(s, s->at, p);
	return p;
}

const struct node *
source_node(
    struct source *s, const json_t *v, const char *keyword, size_t index, enum source_step step)
{
	struct spot *p = spot_below(s, v, keyword, step);
	if (p->keyword == keyword && p->up == s->at)
		p->index = index;
	return p->node;
}

const struct node *
source_node_of(
    struct source *s, const json_t *v, const char *keyword, const char *key, enum source_step step)
{
	struct spot *p = spot_below(s, v, keyword, step);
	if (p->keyword == keyword && p->up == s->at)
		p->key = key;
	return p->node;
}

const struct node *
source_root(struct source *s, const json_t *document)
{
	return spot_get(s, document, NULL)->node;
}

bool
source_next(struct source *s)
{
	s->at = STAILQ_FIRST(&s->queue);
	if (!s->at || s->failed)
		return false;
	STAILQ_REMOVE_HEAD(&s->queue, queue);
	return true;
}

/* ---- patterns ---- */

static void
release_pattern(void *p)
{
	pattern_free(p);
}

const struct pattern *
source_pattern(struct source *s, struct str text)
{
	struct pattern *p;
	struct err why;
	if (pattern_new(text, &p, &why)) {
		source_fault(s, s->at, s->keyword, "%s", why.text);
		return NULL;
	}
	arena_own(s->out->arena, p, release_pattern);
	s->out->pattern_bytes += pattern_bytes(p);
	if (s->out->pattern_bytes > SCHEMA_PATTERN_MAX) {
		source_fault(s, s->at, s->keyword, "the patterns are too large together");
		return NULL;
	}
	return p;
}

/* ---- references ---- */

void
source_defer(struct source *s, struct rule *rule)
{
	struct reference *r = arena_alloc(s->arena, sizeof(*r));
	*r = (struct reference){ .from = s->at, .text = s->ref, .rule = rule };
	STAILQ_INSERT_TAIL(&s->references, r, entry);
}

static int
hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at;
	at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* In place; false when it is not well encoded or holds a NUL. */
static bool
percent_decode_text(char *text)
{
	char *to = text;
	for (const char *at = text; *at; at++) {
		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		int high = hex_digit(at[1]), low = high < 0 ? -1 : hex_digit(at[2]);
		if (low < 0 || high * 16 + low == 0)
			return false;
		*to++ = (char)(high * 16 + low);
		at += 2;
	}
	*to = '\0';
	return true;
}

/* ~1 is a slash, ~0 a tilde. In place. */
static bool
unescape_token(char *token)
{
	char *to = token;
	for (const char *at = token; *at; at++) {
		if (*at != '~') {
			*to++ = *at;
			continue;
		}
		at++;
		if (*at != '0' && *at != '1')
			return false;
		*to++ = *at == '0' ? '~' : '/';
	}
	*to = '\0';
	return true;
}

static const json_t *
step_into(const json_t *v, char *token)
{
	int64_t index;
	if (!unescape_token(token))
		return NULL;
	if (json_is_object(v))
		return json_object_get(v, token);
	if ((token[0] == '0' && token[1]) || str_to_i64(str_of(token), 0, INT64_MAX, &index))
		return NULL;
	return json_array_get(v, (size_t)index);
}

/* Text behind the '#'. NULL: nothing is there. *crossed: the way leads into a part with an $id. */
static const json_t *
point(struct source *s, const char *fragment, bool *crossed)
{
	char *text = arena_strdup(s->arena, fragment);
	const json_t *v = s->out->document;
	if (!percent_decode_text(text))
		return NULL;
	for (char *slash = text; v && *slash == '/';) {
		char *token = slash + 1;
		slash = token + strcspn(token, "/");
		bool last = *slash == '\0';
		*slash = '\0';
		v = step_into(v, token);
		*slash = last ? '\0' : '/';
		if (v && is_foreign(v) && v != s->out->document)
			*crossed = !last || *crossed;
	}
	return v;
}

/* Whether the part before the '#' names this document: nothing, or its own $id. */
static bool
is_here(const struct source *s, struct str document)
{
	const char *id = id_of(s->out->document);
	struct str own = { id, id ? strcspn(id, "#") : 0 };
	return document.n == 0 || (id && str_eq(own, document));
}

static int
follow(struct source *s, const struct reference *r)
{
	size_t n = strcspn(r->text, "#");
	const char *fragment = r->text[n] ? r->text + n + 1 : "";
	bool crossed = false;
	const json_t *target = NULL;
	if (!is_here(s, (struct str){ r->text, n }) || r->from->foreign)
		return source_fault(s, r->from, "$ref", "must refer to a place in this document");
	if (fragment[0] == '\0' || fragment[0] == '/') {
		target = point(s, fragment, &crossed);
	} else {
		struct spot *named;
		const char *name = r->text + n;
		HASH_FIND(hh_name, s->by_name, name, strlen(name), named);
		target = named ? named->json : NULL;
	}
	if (crossed)
		return source_fault(
		    s, r->from, "$ref", "leads into a part that has an $id of its own");
	if (!target)
		return source_fault(s, r->from, "$ref", "refers to nothing");
	struct spot *to = spot_get(s, target, r->from);
	r->rule->node = to->node;
	link_same(s, (struct spot *)(uintptr_t)r->from, to);
	return s->failed ? -1 : 0;
}

int
source_follow(struct source *s)
{
	struct reference *r = STAILQ_FIRST(&s->references);
	if (!r)
		return 0;
	STAILQ_REMOVE_HEAD(&s->references, entry);
	return follow(s, r) ? -1 : 1;
}

/* ---- endless chains ---- */

/* Sets the height; recursion is as deep as a height may be. */
static int
measure(struct source *s, struct spot *p, int depth)
{
	const struct edge *edge;
	int height = 1;
	if (p->height > 0)
		return 0;
	if (p->height < 0)
		return source_fault(s, p, "$ref", "leads back to itself");
	if (depth > SCHEMA_HEIGHT_MAX)
		return source_fault(
		    s, p, NULL, "goes deeper than %d for one value", SCHEMA_HEIGHT_MAX);
	p->height = -1;
	SLIST_FOREACH(edge, &p->same, entry)
	{
		if (measure(s, edge->to, depth + 1))
			return -1;
		if (edge->to->height >= height)
			height = edge->to->height + 1;
	}
	p->height = height;
	if (height > SCHEMA_HEIGHT_MAX)
		return source_fault(
		    s, p, NULL, "goes deeper than %d for one value", SCHEMA_HEIGHT_MAX);
	return 0;
}

int
source_measure(struct source *s)
{
	for (struct spot *p = s->by_json; p; p = p->hh.next) {
		if (measure(s, p, 1))
			return -1;
	}
	return 0;
}
