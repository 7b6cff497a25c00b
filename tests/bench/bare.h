/* Requests by libcurl's multi handle with nothing around it. */
#pragma once

#include "part.h"
#include "post.h"

/* The whole run, to --url. */
void bare_run(struct part *p, struct poster *poster);
