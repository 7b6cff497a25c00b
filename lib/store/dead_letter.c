/* The names of the reasons, as the API and the command line spell them. */
#include "store/dead_letter.h"

#include <stddef.h>

#include "base/attr.h"

static const char *const names[] = {
	[DEAD_EXHAUSTED] = "exhausted",
	[DEAD_GONE] = "gone",
	[DEAD_DISABLED] = "disabled",
	[DEAD_DELETED] = "deleted",
	[DEAD_BLOCKED] = "blocked",
	[DEAD_EXPIRED] = "expired",
	[DEAD_PAYLOAD] = "payload",
};

const char *
dead_reason_to_text(enum dead_reason r)
{
	/* A number of a newer version of this program may stand in the database. */
	return r >= DEAD_EXHAUSTED && (size_t)r < ARRAY_LEN(names) ? names[r] : "unknown";
}

int
dead_reason_from_text(struct str s, enum dead_reason *ret)
{
	for (size_t i = DEAD_EXHAUSTED; i < ARRAY_LEN(names); i++) {
		if (str_eq(s, str_of(names[i]))) {
			*ret = (enum dead_reason)i;
			return 0;
		}
	}
	return -1;
}
