/* Unit tests of http/answer_parser: a table of good, odd and hostile answers. Every row is read at
 * once, byte by byte, and split in two at every position; the result must be the same. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"

#include "http/answer_parser.h"
#include "unit.h"

static const struct answer_limits limits = { .head_max = 128, .read_body = 40, .keep_body = 16 };

struct reader {
	struct answer a;
	enum answer_result result;
	size_t used;
};

static void
start(struct reader *r)
{
	*r = (struct reader){ .result = ANSWER_MORE };
	answer_init(&r->a, &limits);
}

/* The next n bytes, from a block of exactly that size. */
static void
feed(struct reader *r, const char *p, size_t n)
{
	if (r->result != ANSWER_MORE)
		return;
	size_t used;
	char *exact = mem_dup(p, n ? n : 1);
	r->result = answer_feed(&r->a, (struct str){ exact, n }, &used);
	free(exact);
	assert_true(used <= n);
	if (r->result == ANSWER_MORE)
		assert_int_equal(used, n);
	r->used += used;
}

static void
assert_same(const char *name, const struct reader *a, const struct reader *b)
{
	if (a->result != b->result || a->a.status != b->a.status ||
	    a->a.keep_alive != b->a.keep_alive || a->a.reason != b->a.reason ||
	    a->a.retry_after_len != b->a.retry_after_len || a->a.body.len != b->a.body.len ||
	    memcmp(a->a.body.data, b->a.body.data, a->a.body.len) != 0)
		fail_msg("%s: another result in pieces", name);
	if (a->result == ANSWER_WHOLE)
		assert_int_equal(a->used, b->used);
}

static void
in_pieces(struct str in, const struct reader *whole)
{
	struct reader r;
	start(&r);
	for (size_t i = 0; i < in.n; i++)
		feed(&r, in.p + i, 1);
	assert_same(in.p, whole, &r);
	answer_free(&r.a);
	for (size_t i = 0; i <= in.n; i++) {
		start(&r);
		feed(&r, in.p, i);
		feed(&r, in.p + i, in.n - i);
		assert_same(in.p, whole, &r);
		answer_free(&r.a);
	}
}

enum end {
	MORE,  /* not whole */
	CLOSE, /* whole by the end of the connection */
	ONCE,  /* whole; the connection is of no more use */
	KEEP,  /* whole; it is */
};

/* A row that is read; `rest` bytes at its end are not part of the answer. */
#define ROW(bytes, status, end, body)                                                              \
	{                                                                                          \
		STR_INIT(bytes), status, end, body, 0, NULL                                        \
	}
/* The start of good rows. */
#define OK  "HTTP/1.1 200 OK\r\n"
#define TE  OK "Transfer-Encoding: chunked\r\n\r\n"
#define CL2 OK "Content-Length: 2\r\n"

static void
test_read(void **state)
{
	static const struct {
		struct str in;
		int status;
		enum end end;
		const char *body;
		size_t rest;
		const char *retry_after;
	} rows[] = {
		/* Framing by length. */
		ROW(CL2 "\r\nok", 200, KEEP, "ok"),
		ROW(CL2 "\r\no", 200, MORE, "o"),
		ROW(OK "content-length:0\r\n\r\n", 200, KEEP, ""),
		ROW(OK "Content-Length: \t2 \t\r\n\r\nok", 200, KEEP, "ok"),
		ROW(OK "Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", 200, KEEP, "ok"),
		ROW("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, KEEP, "ok"),
		ROW("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 200, KEEP, "ok"),
		ROW("HTTP/1.9 999 \xff\r\nContent-Length: 0\r\n\r\n", 999, KEEP, ""),
		{ STR_INIT(CL2 "\r\nokHTTP/1.1 410 Gone\r\n\r\n"), 200, KEEP, "ok", 21, NULL },
		/* No body, whatever the fields say. */
		ROW("HTTP/1.1 204 No\r\n\r\n", 204, KEEP, ""),
		ROW("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", 304, KEEP, ""),
		{ STR_INIT("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 204,
		    KEEP, "", 5, NULL },
		/* Up to the end of the connection. */
		ROW(OK "\r\n", 200, CLOSE, ""),
		ROW(OK "\r\nabc", 200, CLOSE, "abc"),
		ROW(OK "Transfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nabc", 200, CLOSE,
		    "abc"),
		ROW(OK "Transfer-Encoding: chunked, gzip\r\n\r\n3\r\n", 200, CLOSE, "3\r\n"),
		/* Chunks. */
		ROW(TE "2\r\nok\r\n0\r\n\r\n", 200, KEEP, "ok"),
		ROW(TE "2\r\nok\r\n0\r\n", 200, MORE, "ok"),
		ROW(TE "1\r\no\r\n01;a=b\r\nk\r\n0 \r\nA: b\r\n\r\n", 200, KEEP, "ok"),
		ROW(TE "A\r\n0123456789\r\n0\r\n\r\n", 200, KEEP, "0123456789"),
		ROW(OK "Transfer-Encoding: identity, ChunKed\r\n\r\n0\r\n\r\n", 200, KEEP, ""),
		ROW(OK "Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na", 200, KEEP, "a"),
		ROW(OK "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, KEEP,
		    "ok"),
		/* Chunks win over a length, but the connection is not trusted. */
		ROW(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200,
		    ONCE, ""),
		ROW("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
		    "\r\n0\r\n\r\n",
		    200, ONCE, ""),
		/* Whether the connection stays. */
		ROW(CL2 "Connection: close\r\n\r\nok", 200, ONCE, "ok"),
		ROW(CL2 "Connection: Keep-Alive, CLOSE\r\n\r\nok", 200, ONCE, "ok"),
		ROW(CL2 "Connection: closed\r\n\r\nok", 200, KEEP, "ok"),
		ROW("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, ONCE, "ok"),
		ROW("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", 200,
		    KEEP, "ok"),
		/* Interim answers are skipped with all they say; 101 was not asked for. */
		ROW("HTTP/1.1 100 Continue\r\n\r\n" CL2 "\r\nok", 200, KEEP, "ok"),
		ROW("HTTP/1.1 103 E\r\nContent-Length: 9\r\nRetry-After: 1\r\nConnection: close\r\n"
		    "\r\n" CL2 "\r\nok",
		    200, KEEP, "ok"),
		ROW("HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n", 0, MORE, ""),
		/* Sloppy ones. */
		ROW("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, KEEP, "ok"),
		ROW("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n", 200, KEEP, "ok"),
		ROW(OK "Content-Length \t: 2\r\n\r\nok", 200, KEEP, "ok"),
		ROW(OK "A: b\r\n Content-Length: 9\r\n\tc\r\nContent-Length: 2\r\n\r\nok", 200,
		    KEEP, "ok"),
		ROW(OK ": x\r\nContent-Length: 2\r\n\r\nok", 200, KEEP, "ok"),
		/* Retry-After: the last one, trimmed. */
		{ STR_INIT(CL2 "Retry-After: 9\r\nRETRY-AFTER:  17\t\r\n\r\nok"), 200, KEEP, "ok",
		    0, "17" },
		{ STR_INIT(CL2 "Retry-After:\r\n\r\nok"), 200, KEEP, "ok", 0, "" },
		/* What is kept of a body: 16 of at most 40 bytes. */
		ROW(OK "Content-Length: 40\r\n\r\n0123456789012345678901234567890123456789", 200,
		    KEEP, "0123456789012345"),
		/* Not yet. */
		ROW("", 0, MORE, ""),
		ROW("HTTP/1", 0, MORE, ""),
		ROW(OK "Content-Length: 2\r\n", 0, MORE, ""),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reader r;
		start(&r);
		feed(&r, rows[i].in.p, rows[i].in.n);
		bool whole = rows[i].end == KEEP || rows[i].end == ONCE;
		if (r.result != (whole ? ANSWER_WHOLE : ANSWER_MORE))
			fail_msg("%s: result %d (%s)", rows[i].in.p, r.result, r.a.reason);
		if (whole && r.a.keep_alive != (rows[i].end == KEEP))
			fail_msg("%s: keep-alive", rows[i].in.p);
		assert_true(answer_ends_whole(&r.a) == (rows[i].end == CLOSE));
		assert_int_equal(r.a.status, rows[i].status);
		if (strcmp(r.a.body.data, rows[i].body) != 0)
			fail_msg("%s: body %s", rows[i].in.p, r.a.body.data);
		assert_int_equal(rows[i].in.n - r.used, rows[i].rest);
		size_t len = rows[i].retry_after ? strlen(rows[i].retry_after) : 0;
		assert_int_equal(r.a.retry_after_len, rows[i].retry_after ? (int)len : -1);
		if (len)
			assert_memory_equal(r.a.retry_after, rows[i].retry_after, len);
		in_pieces(rows[i].in, &r);
		answer_free(&r.a);
	}
}

#define X40 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
test_refused(void **state)
{
	static const struct {
		struct str in;
		int status; /* final before the refusal */
		const char *reason;
	} rows[] = {
		{ STR_INIT("garbage\r\n\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("<html>"), 0, "not an HTTP answer" },
		{ STR_INIT("\r\n" OK), 0, "not an HTTP answer" },
		{ STR_INIT("SSH-2.0-OpenSSH_9.2\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("http/1.1 200 OK\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP 200 OK\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP/2 200\r\n"), 0, "not an HTTP/1 answer" },
		{ STR_INIT("HTTP/0.9 200\r\n"), 0, "not an HTTP/1 answer" },
		{ STR_INIT("HTTP/1.1\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP/1.x 200 OK\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP/1.1 abc\r\n\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP/1.1  200 OK\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP/1.1 099 OK\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP/1.1 20 OK\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP/1.1 2000 OK\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT("HTTP/1.1 -20 OK\r\n"), 0, "not an HTTP answer" },
		{ STR_INIT(OK "no colon\r\n\r\n"), 0, "invalid header line" },
		{ STR_INIT(OK " folded: first\r\n\r\n"), 0, "invalid header line" },
		{ STR_INIT(OK "A: b\0c\r\n\r\n"), 0, "NUL in the answer's head" },
		{ STR_INIT("HTTP/1.1 200 \0\r\n\r\n"), 0, "NUL in the answer's head" },
		{ STR_INIT(OK "Content-Length: x\r\n\r\n"), 0, "invalid Content-Length" },
		{ STR_INIT(OK "Content-Length:\r\n\r\n"), 0, "invalid Content-Length" },
		{ STR_INIT(OK "Content-Length: -1\r\n\r\n"), 0, "invalid Content-Length" },
		{ STR_INIT(OK "Content-Length: +1\r\n\r\n"), 0, "invalid Content-Length" },
		{ STR_INIT(OK "Content-Length: 1,\r\n\r\n"), 0, "invalid Content-Length" },
		{ STR_INIT(OK "Content-Length: 9223372036854775808\r\n\r\n"), 0,
		    "invalid Content-Length" },
		{ STR_INIT(OK "Content-Length: 1, 2\r\n\r\n"), 0, "conflicting Content-Length" },
		{ STR_INIT(OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 0,
		    "conflicting Content-Length" },
		/* Bounds: 128 bytes of heads, 40 of a body. */
		{ STR_INIT(OK "A: " X40 X40 X40), 0, "answer head too large" },
		{ STR_INIT(OK "A: " X40 "\r\nB: " X40 "\r\nC: " X40 "\r\n"), 0,
		    "answer head too large" },
		{ STR_INIT("HTTP/1.1 100 C\r\nABC: " X40 "\r\n\r\nHTTP/1.1 100 C\r\nABC: " X40
			   "\r\n\r\n"),
		    0, "answer head too large" },
		{ STR_INIT(TE "0\r\nA: " X40 "\r\nB: " X40 "\r\n"), 200, "answer head too large" },
		{ STR_INIT(TE "1;" X40 "\r\na\r\n1;" X40 "\r\n"), 200, "answer head too large" },
		{ STR_INIT(OK "Content-Length: 41\r\n\r\n" X40 "x"), 200, "answer body too large" },
		{ STR_INIT(OK "\r\n" X40 "x"), 200, "answer body too large" },
		{ STR_INIT(TE "28\r\n" X40 "\r\n1\r\nx"), 200, "answer body too large" },
		/* Chunks that are none: the status was final. */
		{ STR_INIT(TE "zz\r\n"), 200, "invalid chunk size" },
		{ STR_INIT(TE "\r\n"), 200, "invalid chunk size" },
		{ STR_INIT(TE "-1\r\n"), 200, "invalid chunk size" },
		{ STR_INIT(TE "0x1\r\n"), 200, "invalid chunk size" },
		{ STR_INIT(TE "0000000000000001\r\n"), 200, "invalid chunk size" },
		{ STR_INIT(TE "ffffffffffffffff\r\n"), 200, "invalid chunk size" },
		{ STR_INIT(TE "2\r\nokk\r\n"), 200, "chunk longer than its size" },
		{ STR_INIT(TE "1\r\na\r\n\0\r\n"), 200, "NUL in the answer's head" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reader r;
		start(&r);
		feed(&r, rows[i].in.p, rows[i].in.n);
		if (r.result != ANSWER_REFUSED)
			fail_msg("%s: not refused", rows[i].in.p);
		assert_string_equal(r.a.reason, rows[i].reason);
		assert_int_equal(r.a.status, rows[i].status);
		assert_false(answer_ends_whole(&r.a));
		in_pieces(rows[i].in, &r);
		answer_free(&r.a);
	}
}

/* One parser reads many answers; nothing of one shows in the next. */
static void
test_reset(void **state)
{
	static const struct str first = STR_INIT(
	    "HTTP/1.0 503 No\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 3\r\n\r\nabc");
	struct reader r;
	(void)state;
	start(&r);
	for (size_t n = 0; n <= first.n; n++) {
		feed(&r, first.p, n);
		answer_reset(&r.a);
		r.result = ANSWER_MORE;
		assert_false(r.a.begun);
		feed(&r, STR(CL2 "\r\nok").p, STR(CL2 "\r\nok").n);
		assert_int_equal(r.result, ANSWER_WHOLE);
		assert_int_equal(r.a.status, 200);
		assert_true(r.a.keep_alive && r.a.begun);
		assert_int_equal(r.a.retry_after_len, -1);
		assert_string_equal(r.a.body.data, "ok");
		assert_int_equal(r.a.body_bytes, 2);
		answer_reset(&r.a);
		r.result = ANSWER_MORE;
	}
	answer_free(&r.a);
}

/* Fields that somebody wants: of the final head, counted, the first one's value. */
static void
test_wanted(void **state)
{
	static char huge[ANSWER_WANTED_VALUE_MAX + 64];
	static const struct {
		const char *fields;
		int seen;
		const char *value; /* NULL: none */
	} cases[] = {
		{ "", 0, NULL },
		{ "Allowed: yes\r\n", 1, "yes" },
		{ "aLLOWED :\t yes \r\n", 1, "yes" },
		{ "Allowed:\r\n", 1, "" },
		{ "Allowed: a\r\nOther: x\r\nALLOWED: b\r\n", 2, "a" },
		{ "Allowed-Not: yes\r\nAllow: no\r\n", 0, NULL },
		{ huge, 1, NULL },
	};
	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	memcpy(huge, "Allowed: ", 9);
	memcpy(huge + sizeof(huge) - 3, "\r\n", 2);
	struct answer_limits room = limits;
	room.head_max = 4096;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct answer_wanted w = { .n = 1, .field = { { .name = STR("Allowed") } } };
		struct reader r = { .result = ANSWER_MORE };
		answer_init(&r.a, &room);
		r.a.wanted = &w;
		/* What an interim answer says does not count. */
		static const char interim[] = "HTTP/1.1 103 Early\r\nAllowed: early\r\n\r\n";
		static const char begin[] = "HTTP/1.1 204 No\r\n";
		feed(&r, interim, sizeof(interim) - 1);
		feed(&r, begin, sizeof(begin) - 1);
		for (const char *p = cases[i].fields; *p; p++)
			feed(&r, p, 1);
		feed(&r, "\r\n", 2);
		assert_int_equal(r.result, ANSWER_WHOLE);
		assert_int_equal(w.field[0].seen, cases[i].seen);
		if (cases[i].value) {
			assert_int_equal(w.field[0].len, strlen(cases[i].value));
			assert_memory_equal(
			    w.field[0].value, cases[i].value, strlen(cases[i].value));
		} else {
			assert_int_equal(w.field[0].len, -1);
		}
		answer_free(&r.a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
