/* Request targets (RFC 9112, section 3.2) and the Host field. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

#include "http/server.h"

struct http_target {
	struct str target; /* path and query in origin-form, or "*" */
	struct str path;   /* starts with '/', or is "*" */
	struct str query;  /* "" when there is none */
};

/* Origin-form, absolute-form (reduced to origin-form; its authority is what counts, but as nothing
 * here depends on the host it is only checked) and, for OPTIONS, asterisk-form. All slices point
 * into raw or at static text. Returns NULL, or why it is refused. */
const char *http_target_parse(struct str raw, enum http_method method, struct http_target *ret);

/* uri-host [ ":" port ] (RFC 9110, section 7.2); not empty, no user information. */
bool http_host_valid(struct str host);
