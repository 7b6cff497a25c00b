/* A name server on the loop (UDP and TCP, 127.0.0.1): it answers from a table, follows aliases,
 * fails and keeps silent where the table says so. */
#pragma once

#include <stdint.h>

#include "loop/loop.h"

enum name_kind {
	NAME_A,
	NAME_AAAA,
	NAME_CNAME,
	NAME_SERVFAIL,   /* the whole name */
	NAME_SILENT,     /* the whole name: no answer ever */
	NAME_SILENT_AAAA /* no answer to AAAA */
};

struct name_record {
	const char *name;
	enum name_kind kind;
	uint32_t ttl_s;
	const char *data; /* an address, or a name */
};

struct name_server; /* opaque */

struct name_server *name_server_new(struct loop *l);
void name_server_free(struct name_server *s);
const char *name_server_address(const struct name_server *s); /* "127.0.0.1:port" */

/* The zone from now on; borrowed. A name without records does not exist. */
void name_server_set(struct name_server *s, const struct name_record *records, int n);
/* Questions of one kind (NAME_A, NAME_AAAA) seen. */
int name_server_questions(const struct name_server *s, enum name_kind kind);
