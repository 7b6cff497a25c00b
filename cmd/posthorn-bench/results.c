/* {"data":[{"status":202,…},{"status":422,…}],…} */
#include "results.h"

void
results_begin(struct results *r, struct str body)
{
	struct slice s;
	struct err e;
	*r = (struct results){ 0 };
	if (slice_object(body, &s, &e))
		return;
	const struct slice_member *data = slice_get(&s, "data");
	if (!data || data->kind != SLICE_ARRAY)
		return;
	split_begin(&r->split, data->value, false);
	r->readable = true;
}

enum event_result
results_next(struct results *r)
{
	struct slice s;
	struct err e;
	int64_t status;
	if (!r->readable || split_next(&r->split, &s, &e) != SPLIT_ITEM) {
		r->readable = false;
		return RESULT_NONE;
	}
	const struct slice_member *m = slice_get(&s, "status");
	if (!m || str_to_i64(m->value, 200, 599, &status))
		return RESULT_NONE;
	return status < 300 ? RESULT_ACCEPTED : RESULT_REFUSED;
}
