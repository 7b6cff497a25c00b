/* How a message stands at an endpoint, in words: --status. */
#pragma once

#include "base/err.h"

/* The API's number of "success", "pending", "fail" or "sending"; ERR_USAGE for another word. */
int status_from_text(const char *text, int *ret, struct err *e) MUST_CHECK;
