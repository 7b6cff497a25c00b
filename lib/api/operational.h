/* Calls about an organisation's operational webhooks (routes with `operational`). */
#pragma once

#include "rest/call.h"

/* Hands the call to its route's handler as one about an endpoint of the application that watches
 * the organisation. */
void operational_handle(struct call *c);
