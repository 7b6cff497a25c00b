/* Unit tests of posthorn-bench's reader of HTTP answers. Each head is also fed byte by byte: until
 * its last byte it must ask for more. */
#include <string.h>

#include "base/attr.h"

#include "answer.h"
#include "unit.h"

static void
test_heads(void **state)
{
	const struct {
		const char *in;
		struct answer wanted; /* head_bytes: set by the test */
	} cases[] = {
		{ "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 31\r\n\r\n",
		    { .status = 202, .framing = ANSWER_LENGTH, .body_bytes = 31 } },
		{ "HTTP/1.1 200 OK\r\ncontent-length:7 \r\nConnection: close\r\n\r\n",
		    { .status = 200, .framing = ANSWER_LENGTH, .body_bytes = 7, .close = true } },
		{ "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
		    { .status = 200, .framing = ANSWER_LENGTH } },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		    { .status = 200, .framing = ANSWER_CHUNKED } },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5\r\n\r\n",
		    { .status = 200, .framing = ANSWER_CHUNKED, .body_bytes = 5 } },
		{ "HTTP/1.1 204 No Content\r\n\r\n", { .status = 204, .framing = ANSWER_LENGTH } },
		{ "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
		    { .status = 204, .framing = ANSWER_LENGTH } },
		{ "HTTP/1.1 100 Continue\r\n\r\n", { .status = 100, .framing = ANSWER_LENGTH } },
		{ "HTTP/1.1 200 OK\r\n\r\n",
		    { .status = 200, .framing = ANSWER_UNTIL_CLOSE, .close = true } },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
		    { .status = 200, .framing = ANSWER_LENGTH, .body_bytes = 1, .close = true } },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
		    { .status = 200, .framing = ANSWER_LENGTH, .body_bytes = 1 } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct answer got;
		size_t n = strlen(cases[i].in);
		for (size_t part = 0; part < n; part++)
			assert_int_equal(answer_parse((struct str){ cases[i].in, part }, &got), 0);
		assert_int_equal(answer_parse((struct str){ cases[i].in, n }, &got), 1);
		assert_int_equal(got.head_bytes, n);
		assert_int_equal(got.status, cases[i].wanted.status);
		assert_int_equal(got.framing, cases[i].wanted.framing);
		assert_int_equal(got.body_bytes, cases[i].wanted.body_bytes);
		assert_int_equal(got.close, cases[i].wanted.close);
	}
}

/* What stands behind a head does not change it. */
static void
test_body_behind(void **state)
{
	struct answer got;
	(void)state;
	struct str in = STR("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\r\n\r\nHTTP/1.1 500");
	assert_int_equal(answer_parse(in, &got), 1);
	assert_int_equal(got.status, 200);
	assert_int_equal(got.body_bytes, 4);
}

static void
test_refused(void **state)
{
	static const char *const cases[] = {
		"\r\n\r\n",
		"HTTP/2 200\r\n\r\n",
		"HTTP/1.1 20\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 099 No\r\n\r\n",
		"HTTP/1.1200 OK\r\n\r\n",
		"SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct answer got;
		if (answer_parse(str_of(cases[i]), &got) != -1)
			fail_msg("%s", cases[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_body_behind),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
