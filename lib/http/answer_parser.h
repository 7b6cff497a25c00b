/* The answer to a request of ours, taken apart as it arrives (RFC 9112): a pure state machine over
 * bytes, whose result does not depend on how they were split.
 *
 * Refused: what does not begin with "HTTP/1.", a status outside 100 to 999 (RFC 9110, section 15,
 * treats 600 and above as 5xx), a head line without a colon, NUL in a line, Content-Length that is
 * no number or several different ones, and everything over the bounds.
 *
 * Accepted because receivers in the wild do it, and harmless to one who only reads: bare LF as the
 * end of a line, blanks before the colon, folded lines (the continuation is skipped), an unknown
 * transfer coding (its bytes are kept as they come, up to the end of the connection), and blanks
 * behind a chunk's size.
 *
 * Interim answers (1xx) are skipped; nothing was asked that could be switched to, so 101 is one.
 * Bodies are never unpacked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define ANSWER_RETRY_AFTER_MAX 128 /* bytes; a date has 29, and longer ones are none */

/* Other fields of the final head, for who wants them: rare, so that nobody else pays. */
#define ANSWER_WANTED_MAX       2
#define ANSWER_WANTED_VALUE_MAX 256 /* bytes; what is longer is of no use */

struct answer_wanted {
	int n;
	struct answer_wanted_field {
		struct str name; /* set by who wants it; the rest is the answer's */
		int seen;        /* how often it stands there */
		int len;         /* of the value, trimmed; -1: none, or too long */
		char value[ANSWER_WANTED_VALUE_MAX]; /* of the first */
	} field[ANSWER_WANTED_MAX];
};

struct answer_limits {
	size_t head_max;  /* bytes of all heads (1xx too), trailers and chunk extensions */
	size_t read_body; /* bytes of a body; one that is longer is refused */
	size_t keep_body; /* bytes of a body that are kept */
};

enum answer_result {
	ANSWER_MORE,
	ANSWER_WHOLE,
	ANSWER_REFUSED, /* see reason; a status that was final before stays so */
};

struct answer {
	int status;        /* of the final head once that is whole; 0 before */
	struct buf body;   /* the kept part */
	size_t body_bytes; /* read, kept or not */
	char retry_after[ANSWER_RETRY_AFTER_MAX]; /* the field's value, trimmed */
	int retry_after_len;                      /* -1: none, or too long */
	bool begun;                               /* a byte has come */
	bool keep_alive;    /* once it is whole: the connection may carry another exchange */
	const char *reason; /* of a refusal: static text */
	struct answer_wanted *wanted; /* borrowed; NULL: nothing. Kept by answer_reset */

	/* The parser's own. */
	struct answer_limits limits;
	int state;
	struct buf line; /* the beginning of a line whose end has not come */
	size_t head_bytes;
	uint64_t left; /* of the body, or of the chunk */
	/* Of the head that is being read. */
	int head_status;
	int64_t length; /* -1: none said */
	bool first_field, http_1_0, said_close, said_keep_alive, chunked, other_coding;
};

void answer_init(struct answer *a, const struct answer_limits *limits);
void answer_reset(struct answer *a); /* for the next answer; keeps memory */
void answer_free(struct answer *a);

/* Reads on. *ret_used is all of `in` after ANSWER_MORE; what is left after ANSWER_WHOLE was not
 * asked for. Not called again after ANSWER_WHOLE and ANSWER_REFUSED. */
enum answer_result answer_feed(struct answer *a, struct str in, size_t *ret_used);
/* The connection has ended: is the answer whole by that? */
bool answer_ends_whole(const struct answer *a);
