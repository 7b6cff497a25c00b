/* Places in the streams of polling endpoints (poll_place.h). Two decimal numbers: there is nothing
 * to hide in them, and whoever looks into a database finds them. */
#include "api/poll_place.h"

#include <inttypes.h>
#include <stdio.h>

const char *
poll_place_to_text(struct poll_place p, char out[POLL_PLACE_SIZE])
{
	snprintf(out, POLL_PLACE_SIZE, "%" PRId64 ".%" PRId64, p.pos, p.msg_id);
	return out;
}

int
poll_place_from_text(struct str text, struct poll_place *ret)
{
	struct str pos;
	struct poll_place p;
	if (!str_split(&text, '.', &pos) || !text.p || str_to_i64(pos, 0, INT64_MAX, &p.pos) ||
	    str_to_i64(text, 0, INT64_MAX, &p.msg_id))
		return -1;
	*ret = p;
	return 0;
}
