/* What the files about endpoints share (endpoint_ref.h). */
#include "api/endpoint_ref.h"

struct pg_args *
endpoint_args(struct call *c)
{
	struct pg_args *a = call_args(c);
	struct ref endpoint = call_ref(ID_ENDPOINT, c->params[1]);
	call_arg_app(c, a);
	call_arg_ref(a, &endpoint);
	return a;
}

bool
endpoint_refuses(struct call *c, bool disabled, bool unverified)
{
	if (disabled)
		call_fail_code(c, 400, "endpoint_disabled", "The endpoint is disabled");
	else if (unverified)
		call_fail_code(c, 400, "endpoint_unverified",
		    "The endpoint is not verified: its URL has not answered the challenge");
	return disabled || unverified;
}

void
endpoint_on_changed(struct call *c, const struct pg_result *r)
{
	const PGresult *changed = r->res[0];
	if (!pg_rows(changed)) {
		call_not_found(c);
		return;
	}
	catalogue_changed(c->parts->catalogue, pg_int(changed, 0, 0), pg_int(changed, 0, 1));
	call_reply_empty(c, 204);
}
