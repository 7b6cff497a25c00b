/* Array entries before the URL are what the URL may override, entries behind it override it
 * (libpq manual, PQconnectdbParams).
 *
 * A peer that has vanished without a word is given up after 10 s with data under way
 * (tcp_user_timeout) and after 25 s without (keepalives); the system's defaults are a quarter of an
 * hour and two hours. */
#include "pg/conninfo.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"

static const char *const lists[] = { "host", "hostaddr", "port" };

static void
add(struct conninfo *ci, const char *key, const char *value)
{
	ci->key[ci->n] = key;
	ci->value[ci->n++] = value;
}

static int
elements(const char *list)
{
	int n = 1;
	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* "a,b,c" by 1 is "b,c,a". */
static char *
rotated(const char *list, int by)
{
	size_t size = strlen(list) + 1;
	const char *head = list;
	while (by-- > 0)
		head = strchr(head, ',') + 1;
	char *out = mem_alloc(size);
	size_t n = strlen(head);
	memcpy(out, head, n);
	if (head > list) {
		out[n++] = ',';
		memcpy(out + n, list, size - 1 - n);
		n = size - 1;
	}
	out[n] = '\0';
	return out;
}

/* libpq begins with the first host each time; one that does not answer would keep us from the
 * others for ever, because it is our time-out that ends the try. */
static void
rotate_hosts(struct conninfo *ci, const PQconninfoOption *url, int turn)
{
	for (const PQconninfoOption *o = url; o && o->keyword; o++) {
		for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
			if (!o->val || strcmp(o->keyword, lists[i]) != 0 || ci->list[i])
				continue;
			int n = elements(o->val);
			if (n < 2)
				continue;
			ci->list[i] = rotated(o->val, turn % n);
			add(ci, lists[i], ci->list[i]);
		}
	}
}

void
conninfo_init(struct conninfo *ci, const char *url, const char *app, bool writes, int turn)
{
	*ci = (struct conninfo){ .n = 0 };
	add(ci, "tcp_user_timeout", "10000");
	add(ci, "keepalives_idle", "10");
	add(ci, "keepalives_interval", "5");
	add(ci, "keepalives_count", "3");
	add(ci, "connect_timeout", "5"); /* of the synchronous connections only */
	if (writes)
		add(ci, "target_session_attrs", "read-write");
	add(ci, "dbname", url);
	add(ci, "fallback_application_name", app);
	add(ci, "client_encoding", "UTF8");
	PQconninfoOption *parsed = turn ? PQconninfoParse(url, NULL) : NULL;
	rotate_hosts(ci, parsed, turn);
	PQconninfoFree(parsed);
	ci->key[ci->n] = ci->value[ci->n] = NULL;
}

void
conninfo_done(struct conninfo *ci)
{
	for (size_t i = 0; i < ARRAY_LEN(ci->list); i++)
		free(ci->list[i]);
}
