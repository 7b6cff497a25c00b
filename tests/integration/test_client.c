/* The HTTP client against a scripted receiver: what goes over the wire, and what whole, broken and
 * hostile answers come to.
 *
 * Deadlines here are short and only bound from below and loosely from above; what is asserted is
 * which outcome came, not when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "../support/client_fixture.h"
#include "http/client.h"

/* ---- whole answers ---- */

static void
test_answers(void **state)
{
	static const struct {
		const char *answer;
		int status;
		const char *body, *retry_after;
	} cases[] = {
		{ OK, 200, "ok", NULL },
		{ "HTTP/1.1 204 No Content\r\n\r\n", 204, "", NULL },
		{ "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", 500, "oops", NULL },
		{ "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 410, "", NULL },
		{ "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
		    301, "", NULL },
		{ "HTTP/1.1 429 Slow\r\nRetry-After: \t 17 \r\nContent-Length: 0\r\n\r\n", 429, "",
		    "17" },
		{ "HTTP/1.1 503 No\r\nRETRY-AFTER:1\r\nretry-after:2\r\nContent-Length: 0\r\n\r\n",
		    503, "", "2" },
		/* An interim answer is none, and its fields do not count. */
		{ "HTTP/1.1 103 Early\r\nRetry-After: 9\r\n\r\n" OK, 200, "ok", NULL },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n" OK, 200, "ok", NULL },
		{ CHUNKED "2\r\nok\r\n0\r\nRetry-After: 5\r\n\r\n", 200, "ok", NULL },
		/* Never unpacked: what is kept is what was sent. */
		{ OK_HEAD "Content-Encoding: gzip\r\n\r\n\x1f\x8b", 200, "\x1f\x8b", NULL },
		{ OK_HEAD "Content-Encoding: br\r\n\r\nok", 200, "ok", NULL },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct receiver_play p = { .bytes = str_of(cases[i].answer) };
		play(f, &p, 1);
		const struct result *x = exchange(f, DEADLINE_MS);
		assert_int_equal(x->r.transport, TRANSPORT_OK);
		assert_int_equal(x->r.status, cases[i].status);
		assert_string_equal(x->body, cases[i].body);
		assert_false(x->r.body_cut);
		assert_string_equal(x->r.detail, "");
		assert_int_equal(x->r.sends, 1);
		assert_true(x->r.duration > 0);
		if (cases[i].retry_after)
			assert_string_equal(x->retry_after, cases[i].retry_after);
		else
			assert_null(x->r.retry_after.p);
	}
	/* One connection for all of them: none was broken off, no redirect followed. */
	assert_int_equal(receiver_counts(f->receiver).accepted, 1);
}

static char seen_head[4096];
static char seen_body[4096];
static const struct receiver_play *seen_play = &ok; /* what remember answers */

static const struct receiver_play *
remember(void *arg, const struct receiver_request *rq)
{
	(void)arg;
	snprintf(seen_head, sizeof(seen_head), "%.*s", STR_FMT(rq->head));
	snprintf(seen_body, sizeof(seen_body), "%.*s", STR_FMT(rq->body));
	return seen_play;
}

/* The request on the wire is the caller's, Host, Content-Length, and nothing else. */
static void
test_request_bytes(void **state)
{
	struct fixture *f = *state;
	char expect[512];
	receiver_set(
	    f, receiver_new(f->loop, "127.0.0.1", NULL, remember, NULL), "http", "receiver.test");
	exchange(f, DEADLINE_MS);
	snprintf(expect, sizeof(expect),
	    "POST /hook?a=1 HTTP/1.1\r\nHost: receiver.test:%d\r\n"
	    "content-type: application/json\r\nx-test: 1\r\nContent-Length: 7\r\n\r\n",
	    receiver_port(f->receiver));
	assert_string_equal(seen_head, expect);
	assert_string_equal(seen_body, "{\"a\":1}");
}

/* No body at all, no headers, a user agent of the options; then a request's own user agent. */
static void
test_request_bare(void **state)
{
	struct fixture *f = *state;
	struct client_options o;
	client_options_default(&o);
	o.user_agent = "posthorn/test";
	client_set(f, &o);
	receiver_set(
	    f, receiver_new(f->loop, "127.0.0.1", NULL, remember, NULL), "http", "receiver.test");
	static const char *const own[] = { "user-agent: mine" };
	for (int nheaders = 0; nheaders <= 1; nheaders++) {
		struct result x = { 0 };
		const struct client_request rq = {
			.target = f->target,
			.to = receiver_address(f->receiver),
			.headers = own,
			.nheaders = nheaders,
			.timeout_ms = DEADLINE_MS,
		};
		client_start(f->client, &rq, on_response, &x);
		UNTIL(f, x.calls);
		char expect[512];
		snprintf(expect, sizeof(expect),
		    "POST /hook?a=1 HTTP/1.1\r\nHost: receiver.test:%d\r\n%s"
		    "Content-Length: 0\r\n\r\n",
		    receiver_port(f->receiver),
		    nheaders ? "user-agent: mine\r\n" : "User-Agent: posthorn/test\r\n");
		assert_string_equal(seen_head, expect);
		assert_string_equal(seen_body, "");
	}
}

/* OPTIONS has no body, and no word of its length; fields that are wanted come with the answer, on a
 * connection that is used again too. */
static void
test_request_options(void **state)
{
	static const struct receiver_play allows = {
		.bytes = STR_INIT("HTTP/1.1 204 No Content\r\nWebHook-Allowed-Origin: *\r\n"
				  "webhook-allowed-rate: 120\r\nwebhook-allowed-rate: 60\r\n\r\n")
	};
	static const char *const lines[] = { "webhook-request-origin: posthorn" };
	struct fixture *f = *state;
	struct err e;
	char url[128], expect[512];
	receiver_set(
	    f, receiver_new(f->loop, "127.0.0.1", NULL, remember, NULL), "http", "receiver.test");
	int port = receiver_port(f->receiver);
	snprintf(url, sizeof(url), "http://receiver.test:%d/a?b=c", port);
	struct client_target *target = client_target_new_options(url, &e);
	assert_non_null(target);
	seen_play = &allows;
	for (int i = 0; i < 3; i++) {
		struct answer_wanted wanted = { .n = 2,
			.field = { { .name = STR("WebHook-Allowed-Origin") },
			    { .name = STR("WebHook-Allowed-Rate") } } };
		struct result x = { 0 };
		const struct client_request rq = {
			.target = target,
			.to = receiver_address(f->receiver),
			.headers = lines,
			.nheaders = 1,
			.timeout_ms = DEADLINE_MS,
			/* Who wants nothing gets nothing, of a pooled exchange too. */
			.wanted = i < 2 ? &wanted : NULL,
		};
		client_start(f->client, &rq, on_response, &x);
		UNTIL(f, x.calls);
		assert_int_equal(x.r.status, 204);
		assert_int_equal(wanted.field[0].seen, i < 2 ? 1 : 0);
		assert_int_equal(wanted.field[1].seen, i < 2 ? 2 : 0);
		if (i < 2)
			assert_memory_equal(wanted.field[0].value, "*", 1);
		snprintf(expect, sizeof(expect),
		    "OPTIONS /a?b=c HTTP/1.1\r\nHost: receiver.test:%d\r\n"
		    "webhook-request-origin: posthorn\r\n\r\n",
		    port);
		assert_string_equal(seen_head, expect);
		assert_string_equal(seen_body, "");
	}
	seen_play = &ok;
	assert_int_equal(receiver_counts(f->receiver).accepted, 1);
	client_target_free(target);
}

/* Any number of header lines, in their order, few after many too. */
static void
test_request_headers(void **state)
{
	static const int counts[] = { 16, 17, CLIENT_HEADERS_MAX, 1, 0 };
	static char text[CLIENT_HEADERS_MAX][16];
	const char *lines[CLIENT_HEADERS_MAX];
	struct fixture *f = *state;
	receiver_set(
	    f, receiver_new(f->loop, "127.0.0.1", NULL, remember, NULL), "http", "receiver.test");
	for (int i = 0; i < CLIENT_HEADERS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "x-%d: %d", i, i);
		lines[i] = text[i];
	}
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct result x = { 0 };
		const struct client_request rq = {
			.target = f->target,
			.to = receiver_address(f->receiver),
			.headers = lines,
			.nheaders = counts[i],
			.timeout_ms = DEADLINE_MS,
		};
		client_start(f->client, &rq, on_response, &x);
		UNTIL(f, x.calls);
		struct buf expect;
		buf_init(&expect, 4096);
		buf_addf(&expect, "POST /hook?a=1 HTTP/1.1\r\nHost: receiver.test:%d\r\n",
		    receiver_port(f->receiver));
		for (int j = 0; j < counts[i]; j++)
			buf_addf(&expect, "%s\r\n", lines[j]);
		buf_adds(&expect, "Content-Length: 0\r\n\r\n");
		assert_string_equal(seen_head, expect.data);
		buf_free(&expect);
	}
	assert_int_equal(receiver_counts(f->receiver).accepted, 1);
}

/* A body over 1 MiB goes without Expect and arrives whole. */
static void
test_request_large(void **state)
{
	struct fixture *f = *state;
	receiver_set(
	    f, receiver_new(f->loop, "127.0.0.1", NULL, remember, NULL), "http", "receiver.test");
	size_t n = 3 << 20;
	char *body = mem_alloc(n);
	memset(body, 'x', n);
	struct result x = { 0 };
	const struct client_request rq = {
		.target = f->target,
		.to = receiver_address(f->receiver),
		.body = { body, n },
		.timeout_ms = DEADLINE_MS,
	};
	client_start(f->client, &rq, on_response, &x);
	UNTIL(f, x.calls);
	assert_int_equal(x.r.status, 200);
	assert_null(strstr(seen_head, "Expect"));
	assert_non_null(strstr(seen_head, "Content-Length: 3145728\r\n"));
	free(body);
}

/* The request line and Host of odd URLs: as they are written, but for what HTTP has no place for.
 */
static void
test_request_targets(void **state)
{
	static const struct {
		const char *url, *target, *host;
	} cases[] = {
		{ "http://receiver.test", "/", "receiver.test" },
		{ "http://receiver.test:8080", "/", "receiver.test:8080" },
		{ "http://receiver.test:80/", "/", "receiver.test" },
		{ "http://receiver.test:443/", "/", "receiver.test:443" },
		{ "http://receiver.test:/", "/", "receiver.test" },
		{ "HTTP://Receiver.TEST/A", "/A", "Receiver.TEST" },
		{ "http://receiver.test./x", "/x", "receiver.test." },
		{ "http://[::1]/x", "/x", "[::1]" },
		{ "http://[0:0:0:0:0:0:0:1]:8080/x", "/x", "[::1]:8080" },
		{ "http://127.1/x", "/x", "127.0.0.1" },
		{ "http://receiver.test?q=1", "/?q=1", "receiver.test" },
		{ "http://receiver.test/?", "/?", "receiver.test" },
		{ "http://receiver.test/a?b?c=/d", "/a?b?c=/d", "receiver.test" },
		{ "http://receiver.test/#fragment", "/", "receiver.test" },
		{ "http://receiver.test/a?b#c", "/a?b", "receiver.test" },
		{ "http://receiver.test/a/../b/./c", "/a/../b/./c", "receiver.test" },
		{ "http://receiver.test//a//b", "//a//b", "receiver.test" },
		{ "http://receiver.test/%7e%2F%zz", "/%7e%2F%zz", "receiver.test" },
		{ "http://receiver.test/\xc3\xa4?\xc3\xb6", "/%c3%a4?\xc3\xb6", "receiver.test" },
		{ "http://receiver.test/a\\|\"<>^`{};=,!$&'()*+@:", "/a\\|\"<>^`{};=,!$&'()*+@:",
		    "receiver.test" },
	};
	struct fixture *f = *state;
	receiver_set(
	    f, receiver_new(f->loop, "127.0.0.1", NULL, remember, NULL), "http", "receiver.test");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct result x = { 0 };
		struct err e;
		struct client_request rq = {
			.target = client_target_new(cases[i].url, &e),
			.to = receiver_address(f->receiver),
			.timeout_ms = DEADLINE_MS,
		};
		client_start(f->client, &rq, on_response, &x);
		UNTIL(f, x.calls);
		char expect[512];
		snprintf(expect, sizeof(expect),
		    "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n", cases[i].target,
		    cases[i].host);
		assert_string_equal(seen_head, expect);
		client_target_free(rq.target);
	}
}

/* ---- broken and hostile answers ---- */

static void
test_failures(void **state)
{
	static const struct {
		const char *bytes, *again;
		int again_ms;
		enum receiver_end end;
		enum transport transport;
		int status; /* != 0: the head counts, the body is cut */
	} cases[] = {
		/* Nothing, and then nothing more, or the end. */
		{ "", "", 0, RECEIVER_KEEP, TRANSPORT_TIMEOUT, 0 },
		{ "", "", 0, RECEIVER_CLOSE, TRANSPORT_RESET, 0 },
		{ "", "", 0, RECEIVER_RESET, TRANSPORT_RESET, 0 },
		/* Inside the head. */
		{ "HTTP/1.1 200 OK\r\nA: b\r\n", "", 0, RECEIVER_RESET, TRANSPORT_RESET, 0 },
		{ "HTTP/1.1 200 OK\r\nA: b", " b", 20, RECEIVER_KEEP, TRANSPORT_TIMEOUT, 0 },
		{ "HTTP/1.1 200 OK\r\n", "A: b\r\n", 20, RECEIVER_KEEP, TRANSPORT_TIMEOUT, 0 },
		/* Endless heads: in lines, in one line, in interim answers. */
		{ "HTTP/1.1 200 OK\r\n", "A: bcdefghijklmnopqrstuvwxyz\r\n", 0, RECEIVER_KEEP,
		    TRANSPORT_PROTOCOL, 0 },
		{ "HTTP/1.1 200 OK\r\nA: ", "bcdefghijklmnopqrstuvwxyz", 0, RECEIVER_KEEP,
		    TRANSPORT_PROTOCOL, 0 },
		{ "", "HTTP/1.1 100 Continue\r\n\r\n", 0, RECEIVER_KEEP, TRANSPORT_PROTOCOL, 0 },
		/* Not HTTP/1. */
		{ "garbage\r\n\r\n", "", 0, RECEIVER_CLOSE, TRANSPORT_PROTOCOL, 0 },
		{ "<html>hello</html>", "", 0, RECEIVER_CLOSE, TRANSPORT_PROTOCOL, 0 },
		{ "SSH-2.0-OpenSSH_9.2\r\n", "", 0, RECEIVER_KEEP, TRANSPORT_PROTOCOL, 0 },
		{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "", 0, RECEIVER_CLOSE,
		    TRANSPORT_RESET, 0 }, /* nobody asked to switch: not final */
		{ "HTTP/1.1 abc\r\n\r\n", "", 0, RECEIVER_CLOSE, TRANSPORT_PROTOCOL, 0 },
		/* The head is whole: its status counts, whatever the body does. */
		{ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "", 0, RECEIVER_CLOSE,
		    TRANSPORT_OK, 200 },
		{ "HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nabc", "", 0, RECEIVER_RESET,
		    TRANSPORT_OK, 500 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "", 0, RECEIVER_KEEP,
		    TRANSPORT_TIMEOUT, 200 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc", "d", 20, RECEIVER_KEEP,
		    TRANSPORT_TIMEOUT, 200 },
		{ "HTTP/1.1 200 OK\r\n\r\nabc", "abcdefghijklmnopqrstuvwxyz", 0, RECEIVER_KEEP,
		    TRANSPORT_OK, 200 },
		{ CHUNKED "5\r\nabc", "", 0, RECEIVER_CLOSE, TRANSPORT_OK, 200 },
		{ CHUNKED "3\r\nabc\r\nzz\r\n", "", 0, RECEIVER_CLOSE, TRANSPORT_OK, 200 },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct receiver_play p = {
			.bytes = str_of(cases[i].bytes),
			.again = str_of(cases[i].again),
			.again_ms = cases[i].again_ms,
			.end = cases[i].end,
		};
		play(f, &p, 1);
		bool waits = cases[i].transport == TRANSPORT_TIMEOUT;
		int64_t before = receiver_counts(f->receiver).written;
		const struct result *x = exchange(f, waits ? SHORT_MS : DEADLINE_MS);
		enum transport expect = cases[i].status ? TRANSPORT_OK : cases[i].transport;
		if (x->r.transport != expect || x->r.status != cases[i].status)
			fail_msg("case %zu: %s %d (%s)", i, transport_to_text(x->r.transport),
			    x->r.status, x->r.detail);
		assert_true(x->r.body_cut == (cases[i].status != 0));
		assert_true((x->r.detail[0] == '\0') == (cases[i].status != 0));
		if (cases[i].status)
			assert_true(strncmp(x->body, "abc", 3) == 0);
		if (waits)
			assert_true(x->r.duration >= SHORT_MS * USEC_PER_MS * 9 / 10);
		else
			assert_true(x->r.duration < DEADLINE_MS * USEC_PER_MS / 2);
		/* Endless answers were not read for long; what stays in socket buffers is 6 MB. */
		assert_true(receiver_counts(f->receiver).written - before < (8 << 20));
		UNTIL(f, receiver_counts(f->receiver).open == 0);
	}
}

/* What is kept of a body, and when reading it ends the connection. */
static void
test_body_bounds(void **state)
{
	static const struct {
		int bytes, kept;
		bool cut, reused;
	} cases[] = {
		{ 16384, 16384, false, true },
		{ 16385, 16384, true, true }, /* read to the end: the connection is worth it */
		{ 65536, 16384, true, true },
		{ 65537, 16384, true, false },
		{ 1 << 20, 16384, true, false },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf answer;
		buf_init(&answer, 2 << 20);
		buf_addf(&answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", cases[i].bytes);
		for (int n = 0; n < cases[i].bytes; n++)
			buf_addc(&answer, (char)('a' + n % 26));
		const struct receiver_play p = { .bytes = { answer.data, answer.len } };
		play(f, &p, 1);
		int before = receiver_counts(f->receiver).accepted;
		const struct result *x = exchange(f, DEADLINE_MS);
		assert_int_equal(x->r.transport, TRANSPORT_OK);
		assert_int_equal(x->r.body.n, cases[i].kept);
		assert_true(x->r.body_cut == cases[i].cut);
		exchange(f, DEADLINE_MS);
		int made = receiver_counts(f->receiver).accepted - before;
		assert_true((made <= 1) == cases[i].reused);
		client_drop_idle(f->client);
		UNTIL(f, receiver_counts(f->receiver).open == 0);
		buf_free(&answer);
	}
}

static void
test_retry_after_bound(void **state)
{
	struct fixture *f = *state;
	for (int n = 128; n <= 129; n++) {
		char answer[400], value[200];
		memset(value, '1', sizeof(value));
		snprintf(answer, sizeof(answer),
		    "HTTP/1.1 429 No\r\nRetry-After: %.*s\r\nContent-Length: 0\r\n\r\n", n, value);
		const struct receiver_play p = { .bytes = str_of(answer) };
		play(f, &p, 1);
		const struct result *x = exchange(f, DEADLINE_MS);
		assert_int_equal(x->r.retry_after.n, n == 128 ? 128 : 0);
	}
}

#define LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."

static void
test_targets_refused(void **state)
{
	static const char *const urls[] = { "", "receiver.test", "ftp://receiver.test/",
		"file:///etc/passwd", "http://user@receiver.test/", "http://u:p@receiver.test/",
		"http://", "http://a b/", "gopher://receiver.test/", "http://receiver.test:65536/",
		"http://b\xc3\xbc"
		"cher.test/",
		/* To OpenSSL these names mean none, and every one below. */
		"https://./", "https://.receiver.test/",
		/* Longer than TLS and DNS take. */
		"https://" LABEL LABEL LABEL LABEL LABEL "/" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct err e = { 0 };
		if (client_target_new(urls[i], &e))
			fail_msg("accepted: %s", urls[i]);
		assert_int_equal(e.kind, ERR_INVALID);
	}
	client_target_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_request_bytes),
		TEST(test_request_bare),
		TEST(test_request_options),
		TEST(test_request_headers),
		TEST(test_request_large),
		TEST(test_request_targets),
		TEST(test_failures),
		TEST(test_body_bounds),
		TEST(test_retry_after_bound),
		TEST(test_targets_refused),
	};
	return RUN(tests);
}
