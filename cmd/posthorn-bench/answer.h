/* The head of an HTTP answer, read leniently: as much as a client needs that trusts its server. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum answer_framing {
	ANSWER_LENGTH,
	ANSWER_CHUNKED,
	ANSWER_UNTIL_CLOSE,
};

struct answer {
	int status;
	enum answer_framing framing;
	size_t head_bytes; /* the empty line included */
	size_t body_bytes; /* ANSWER_LENGTH */
	bool close;        /* the connection serves no further request */
};

/* 1: a head stands at the start of `in`, *ret is set. 0: it is not complete yet. -1: it is no HTTP
 * answer. */
int answer_parse(struct str in, struct answer *ret);
