/* The parameters of a connection: the operator's URL, and our defaults for what it does not say. */
#pragma once

#include <stdbool.h>

#define CONNINFO_MAX 16

struct conninfo {
	const char *key[CONNINFO_MAX], *value[CONNINFO_MAX]; /* for libpq: ended by NULL */
	int n;
	char *list[3]; /* owned: host, hostaddr and port in another order */
};

/* url and app are borrowed until conninfo_done. writes: it is to be a server that takes writes,
 * unless the URL has a target_session_attrs of its own. turn: of several hosts that one is tried
 * first (modulo their number), the others behind it in their order. */
void conninfo_init(struct conninfo *ci, const char *url, const char *app, bool writes, int turn);
void conninfo_done(struct conninfo *ci);
