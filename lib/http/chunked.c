/* The decoder of chunked bodies: a state machine over single bytes of framing, with the data copied
 * in bulk.
 *
 *	size ──;──▶ extension ─┐
 *	  └──────CR──────▶ size LF ──▶ data ──▶ data CR ──▶ data LF ──▶ size
 *	                      └─(size 0)─▶ trailer ──CR──▶ end LF ──▶ done
 *	                                     ▲  └▶ name ──:──▶ value ──CR──▶ trailer LF ─┐
 *	                                     └────────────────────────────────────────────┘
 *
 * Refused although seen in the wild: bare LF (request smuggling), blanks behind the size, signs and
 * 0x, more than 16 digits. Extensions mean nothing to us; a stranger could send one byte of body
 * with kilobytes of them, so they share a budget with the trailers. */
#include "http/chars.h"
#include "http/parser.h"

enum chunk_state {
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER,
	CHUNK_TRAILER_NAME,
	CHUNK_TRAILER_VALUE,
	CHUNK_TRAILER_LF,
	CHUNK_END_LF,
	CHUNK_DONE,
};

#define CHUNK_DIGITS_MAX 16 /* 64 bits */

static const char invalid_size[] = "invalid chunk size";
static const char invalid_framing[] = "chunk framing without CRLF";
static const char invalid_trailer[] = "invalid trailer field";
static const char too_much_extra[] = "chunk extensions or trailers are too long";

void
http_chunked_init(struct http_chunked *c)
{
	*c = (struct http_chunked){ .state = CHUNK_SIZE };
}

/* Every step takes one byte and returns NULL, or why the body is refused. */

static const char *
size_step(struct http_chunked *c, unsigned char b)
{
	int digit = http_hex(b);
	if (digit >= 0) {
		if (++c->digits > CHUNK_DIGITS_MAX)
			return invalid_size;
		c->left = c->left << 4 | (unsigned)digit;
		return NULL;
	}
	if (c->digits == 0 || (b != ';' && b != '\r'))
		return invalid_size;
	c->state = b == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
	return NULL;
}

/* Counts a byte that will be dropped. */
static const char *
spend(struct http_chunked *c)
{
	return ++c->extra > HTTP_CHUNK_EXTRA_MAX ? too_much_extra : NULL;
}

static const char *
extension_step(struct http_chunked *c, unsigned char b)
{
	if (b == '\r') {
		c->state = CHUNK_SIZE_LF;
		return NULL;
	}
	return http_is_value(b) ? spend(c) : "invalid chunk extension";
}

static const char *
size_lf_step(struct http_chunked *c, unsigned char b)
{
	if (b != '\n')
		return invalid_framing;
	c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
	c->digits = 0;
	return NULL;
}

static const char *
data_cr_step(struct http_chunked *c, unsigned char b)
{
	c->state = CHUNK_DATA_LF;
	return b == '\r' ? NULL : invalid_framing;
}

static const char *
data_lf_step(struct http_chunked *c, unsigned char b)
{
	c->state = CHUNK_SIZE;
	return b == '\n' ? NULL : invalid_framing;
}

static const char *
trailer_step(struct http_chunked *c, unsigned char b)
{
	c->state = b == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_NAME;
	if (b == '\r')
		return NULL;
	return http_is_token(b) ? spend(c) : invalid_trailer;
}

static const char *
trailer_name_step(struct http_chunked *c, unsigned char b)
{
	if (b == ':')
		c->state = CHUNK_TRAILER_VALUE;
	else if (!http_is_token(b))
		return invalid_trailer;
	return spend(c);
}

static const char *
trailer_value_step(struct http_chunked *c, unsigned char b)
{
	if (b == '\r')
		c->state = CHUNK_TRAILER_LF;
	else if (!http_is_value(b))
		return invalid_trailer;
	return spend(c);
}

static const char *
trailer_lf_step(struct http_chunked *c, unsigned char b)
{
	c->state = CHUNK_TRAILER;
	return b == '\n' ? spend(c) : invalid_framing;
}

static const char *
end_lf_step(struct http_chunked *c, unsigned char b)
{
	c->state = CHUNK_DONE;
	return b == '\n' ? NULL : invalid_framing;
}

static const char *(*const steps[])(struct http_chunked *c, unsigned char b) = {
	[CHUNK_SIZE] = size_step,
	[CHUNK_EXTENSION] = extension_step,
	[CHUNK_SIZE_LF] = size_lf_step,
	[CHUNK_DATA] = NULL, /* in bulk, below */
	[CHUNK_DATA_CR] = data_cr_step,
	[CHUNK_DATA_LF] = data_lf_step,
	[CHUNK_TRAILER] = trailer_step,
	[CHUNK_TRAILER_NAME] = trailer_name_step,
	[CHUNK_TRAILER_VALUE] = trailer_value_step,
	[CHUNK_TRAILER_LF] = trailer_lf_step,
	[CHUNK_END_LF] = end_lf_step,
};

/* Copies what there is of the current chunk; its size was found to fit when it was read. */
static size_t
take_data(struct http_chunked *c, struct str in, struct buf *out)
{
	size_t n = c->left < in.n ? (size_t)c->left : in.n;
	buf_add(out, in.p, n);
	c->left -= n;
	if (c->left == 0)
		c->state = CHUNK_DATA_CR;
	return n;
}

enum http_parse
http_chunked_decode(struct http_chunked *c, struct str in, size_t *ret_used, struct buf *out,
    int *ret_status, const char **ret_reason)
{
	size_t used = 0;
	while (used < in.n && c->state != CHUNK_DONE) {
		if (c->state == CHUNK_DATA) {
			used += take_data(c, (struct str){ in.p + used, in.n - used }, out);
			continue;
		}
		const char *reason = steps[c->state](c, (unsigned char)in.p[used++]);
		bool too_large = c->state == CHUNK_DATA && c->left > out->max - out->len;
		if (reason || too_large) {
			*ret_used = used;
			*ret_status = reason ? 400 : 413;
			*ret_reason = reason ? reason : "the body is larger than allowed";
			return HTTP_PARSE_REFUSE;
		}
	}
	*ret_used = used;
	return c->state == CHUNK_DONE ? HTTP_PARSE_OK : HTTP_PARSE_MORE;
}
