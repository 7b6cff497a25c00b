/* How the endpoints answer: plays the rules of a mix. */
#pragma once

#include <stdbool.h>

#include "behaviour.h"
#include "http/server.h"
#include "loop/loop.h"

struct script; /* opaque */

struct script *script_new(struct loop *l, const struct mix *mix); /* mix is borrowed */
/* After the servers are gone: ends the requests that nobody answered. */
void script_free(struct script *s);

/* Will this attempt be answered with 2xx? seen: it is not the event's first at this endpoint. */
bool script_takes(const struct script *s, int rule, bool seen);
/* Answers, now, later or never. `takes` as script_takes said. */
void script_answer(struct script *s, int rule, bool takes, struct http_request *rq);
