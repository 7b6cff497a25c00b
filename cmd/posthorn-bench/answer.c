/* Reading answer heads (RFC 9112, section 6.3). Only the fields that frame the body are looked at.
 */
#include "answer.h"

#include <string.h>

#define BODY_MAX (INT64_C(1) << 30) /* bytes; what is read is bounded again by the reader */

/* "HTTP/1.1 202 …" */
static int
status_parse(struct str line, struct answer *a)
{
	int64_t status;
	if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 || line.p[8] != ' ' ||
	    str_to_i64((struct str){ line.p + 9, 3 }, 100, 999, &status))
		return -1;
	a->status = (int)status;
	a->close = line.p[7] == '0';
	return 0;
}

static int
field_parse(struct str line, struct answer *a)
{
	struct str name, value = line;
	int64_t n;
	str_split(&value, ':', &name);
	value = str_trim(value);
	if (str_eq_nocase(name, STR("content-length"))) {
		if (str_to_i64(value, 0, BODY_MAX, &n))
			return -1;
		if (a->framing != ANSWER_CHUNKED)
			a->framing = ANSWER_LENGTH;
		a->body_bytes = (size_t)n;
	} else if (str_eq_nocase(name, STR("transfer-encoding"))) {
		if (!str_eq_nocase(value, STR("chunked")))
			return -1;
		a->framing = ANSWER_CHUNKED;
	} else if (str_eq_nocase(name, STR("connection"))) {
		a->close = !str_eq_nocase(value, STR("keep-alive"));
	}
	return 0;
}

int
answer_parse(struct str in, struct answer *ret)
{
	const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
	if (!end)
		return 0;
	struct answer a = { .framing = ANSWER_UNTIL_CLOSE, .head_bytes = (size_t)(end - in.p) + 4 };
	const char *at = memmem(in.p, in.n, "\r\n", 2);
	if (status_parse((struct str){ in.p, (size_t)(at - in.p) }, &a))
		return -1;
	while (at < end) {
		const char *line = at + 2;
		at = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		if (field_parse((struct str){ line, (size_t)(at - line) }, &a))
			return -1;
	}
	if (a.status < 200 || a.status == 204 || a.status == 304) {
		a.framing = ANSWER_LENGTH;
		a.body_bytes = 0;
	}
	if (a.framing == ANSWER_UNTIL_CLOSE)
		a.close = true;
	*ret = a;
	return 1;
}
