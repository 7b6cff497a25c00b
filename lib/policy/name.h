/* The small grammars of the API: uids, event types, channels, header names. */
#pragma once

#include <stdbool.h>

#include "base/id.h"
#include "base/str.h"

#define NAME_MAX_LEN 256

/* 1 to 256 of [a-zA-Z0-9-_.]: uids, event ids, event type names. */
bool name_valid(struct str s);
/* As name_valid, and not starting with the id prefix of its own kind. */
bool name_uid_valid(enum id_kind kind, struct str s);
/* As name_valid with ':' and '+' too, at most 128. */
bool name_channel_valid(struct str s);

/* Whether an admin may set this header on deliveries: an RFC 9110 token that is not one of those
 * that the transport, the signature or a platform's metadata service own. NULL when it may, else
 * the reason (static text). */
const char *name_header_refused(struct str name);
/* 1 to 4096 bytes of visible ASCII, spaces and tabs inside, no blank at either end. */
bool name_header_value_valid(struct str value);
/* Headers whose values are withheld when read back. */
bool name_header_sensitive(struct str name);
