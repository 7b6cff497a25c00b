/* What a stranger can take from the front: time, memory, connections and descriptors, each with its
 * bound. Deadlines are short here; what is asserted is that they end something, not when. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/metric.h"

#include "../support/front.h"
#include "../unit/unit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define SHORT     (100 * USEC_PER_MS)

static struct front f;
static struct http_limits limits;

/* Each test changes `limits` and calls front_start itself. */
static int
setup(void **state)
{
	(void)state;
	http_limits_default(&limits);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	front_stop(&f);
	return 0;
}

/* One byte at a time, for ever: the deadline is of the whole request. */
static void
test_slow_request(void **state)
{
	(void)state;
	static const char *const starts[] = { "GET / HTTP/1.1\r\nHost: a\r\nX: ",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", "" };
	limits.request_deadline = SHORT;
	front_start(&f, &limits);
	for (int i = 0; i < 4; i++) {
		struct peer *p = peer_open(&f);
		peer_sends(&f, p, starts[i]);
		while (!peer_has(p, "}")) {
			peer_sends(&f, p, "X");
			front_turn(&f);
		}
		assert_true(peer_has(p, "HTTP/1.1 408 Request Timeout\r\n"));
		assert_true(peer_has(p, "{\"code\":\"request_timeout\","));
		WAIT_FOR(&f, p->ended);
	}
	assert_int_equal(f.handled, 0);
}

/* Nothing at all: closed without an answer that nobody asked for. */
static void
test_idle(void **state)
{
	(void)state;
	limits.idle_deadline = SHORT;
	front_start(&f, &limits);
	struct peer *fresh = peer_open(&f), *used = peer_open(&f);
	peer_sends(&f, used, GET("/"));
	WAIT_FOR(&f, fresh->ended && used->ended);
	assert_int_equal(fresh->in.len, 0);
	assert_string_equal(used->in.data, FRONT_OK);
	assert_int_equal(http_server_connections(f.server), 0);
}

/* The handler may take its time: neither deadline runs. */
static void
test_slow_handler(void **state)
{
	(void)state;
	limits.request_deadline = limits.idle_deadline = limits.write_deadline = SHORT;
	front_start(&f, &limits);
	struct peer *witness = peer_open(&f), *p = peer_open(&f);
	peer_sends(&f, p, GET("/hold"));
	WAIT_FOR(&f, f.nheld == 1);
	WAIT_FOR(&f, witness->ended); /* so the deadline has passed */
	witness = peer_open(&f);
	WAIT_FOR(&f, witness->ended);
	assert_false(p->ended);
	front_release(&f);
	WAIT_FOR(&f, peer_has(p, FRONT_OK));
}

static void
test_large_answer(void **state)
{
	(void)state;
	front_start(&f, &limits);
	struct peer *p = peer_open(&f);
	p->mute = true;
	peer_sends(&f, p, GET("/large") GET("/target"));
	for (int i = 0; i < 50; i++)
		front_turn(&f);
	assert_int_equal(f.handled, 1); /* the next one waits until this one has left */
	p->mute = false;
	WAIT_FOR(&f,
	    p->in.len > FRONT_LARGE && memcmp(p->in.data + p->in.len - 11, "GET /target", 11) == 0);
	assert_true(peer_has(p, "Content-Length: 8388608\r\n\r\nxxx"));
}

static void
test_write_deadline(void **state)
{
	(void)state;
	limits.write_deadline = SHORT;
	front_start(&f, &limits);
	struct peer *p = peer_open(&f);
	p->mute = true;
	peer_sends(&f, p, GET("/large"));
	WAIT_FOR(&f, f.handled == 1);
	WAIT_FOR(&f, http_server_connections(f.server) == 0);
}

/* Declared too long: refused before "100 Continue", and read politely when sent all the same. */
static void
test_body_limit(void **state)
{
	(void)state;
	static const char *const heads[] = {
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n",
		("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "1\r\nx\r\n186a0\r\n"),
	};
	static char body[100000];
	limits.body_max = 100000;
	front_start(&f, &limits);
	for (int i = 0; i < 4; i++) {
		struct peer *p = peer_open(&f);
		peer_sends(&f, p, heads[i]);
		peer_send(&f, p, (struct str){ body, sizeof(body) });
		WAIT_FOR(&f, p->ended);
		assert_true(peer_has(p, "HTTP/1.1 413 Content Too Large\r\n"));
		assert_true(peer_has(p, "{\"code\":\"payload_too_large\","));
		assert_int_equal(peer_answers(p), 1);
		assert_false(p->reset);
	}
	assert_int_equal(f.handled, 0);
}

static void
test_head_limits(void **state)
{
	(void)state;
	static char bytes[20000];
	front_start(&f, &limits);
	memset(bytes, 'a', sizeof(bytes));
	struct peer *line = peer_open(&f), *head = peer_open(&f), *fields = peer_open(&f);
	peer_sends(&f, line, "GET /");
	peer_send(&f, line, (struct str){ bytes, sizeof(bytes) });
	peer_sends(&f, head, "GET / HTTP/1.1\r\nX:");
	peer_send(&f, head, (struct str){ bytes, sizeof(bytes) });
	peer_sends(&f, fields, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 101; i++)
		peer_sends(&f, fields, "X:y\r\n");
	peer_sends(&f, fields, "\r\n");
	WAIT_FOR(&f, line->ended && head->ended && fields->ended);
	assert_true(peer_has(line, "HTTP/1.1 414 "));
	assert_true(peer_has(head, "HTTP/1.1 431 "));
	assert_true(peer_has(fields, "HTTP/1.1 431 "));
	assert_false(line->reset || head->reset || fields->reset);
}

/* Ten megabytes of nothing: cut off in the end, and nobody else notices. */
static void
test_garbage(void **state)
{
	(void)state;
	static char bytes[1 << 20];
	limits.body_max = 64 * 1024;
	front_start(&f, &limits);
	for (int i = 0; i < 2; i++) {
		struct peer *p = peer_open(&f), *other = peer_open(&f);
		memset(bytes, i ? 'A' : 0x80, sizeof(bytes));
		for (int k = 0; k < 10; k++)
			peer_send(&f, p, (struct str){ bytes, sizeof(bytes) });
		WAIT_FOR(&f, p->ended);
		peer_sends(&f, other, GET("/"));
		WAIT_FOR(&f, peer_has(other, FRONT_OK));
		peer_close(other);
		WAIT_FOR(&f, http_server_connections(f.server) == 0);
	}
	assert_int_equal(f.handled, 2);
}

/* A client that neither reads nor closes after a refusal is not waited for. */
static void
test_linger_ends(void **state)
{
	(void)state;
	front_start(&f, &limits);
	struct peer *p = peer_open(&f);
	p->mute = true;
	peer_sends(&f, p, "nonsense\r\n");
	WAIT_FOR(&f, http_server_connections(f.server) == 1);
	WAIT_FOR(&f, http_server_connections(f.server) == 0);
}

static void
test_connection_cap(void **state)
{
	(void)state;
	limits.connections_max = 3;
	front_start(&f, &limits);
	struct peer *idle = peer_open(&f), *busy[3];
	WAIT_FOR(&f, http_server_connections(f.server) == 1);
	for (int i = 0; i < 3; i++) {
		busy[i] = peer_open(&f);
		peer_sends(&f, busy[i], GET("/hold"));
		WAIT_FOR(&f, f.nheld == i + 1);
	}
	assert_int_equal(http_server_connections(f.server), 3);
	WAIT_FOR(&f, idle->ended); /* it made room */
	assert_int_equal(idle->in.len, 0);
	for (int i = 0; i < 50; i++) { /* busy ones do not make room, however many come */
		struct peer *more = peer_open(&f);
		peer_sends(&f, more, GET("/hold"));
		WAIT_FOR(&f, more->ended);
		assert_true(peer_has(more, "HTTP/1.1 503 ") && peer_has(more, "Retry-After: "));
		assert_int_equal(f.nheld, 3);
		assert_in_range(http_server_connections(f.server), 3, 4);
	}
	front_release(&f);
	WAIT_FOR(&f, peer_has(busy[0], FRONT_OK));
	struct peer *again = peer_open(&f);
	peer_sends(&f, again, GET("/"));
	WAIT_FOR(&f, peer_has(again, FRONT_OK));
	WAIT_FOR(&f, busy[0]->ended);
}

/* Lets the process open n more descriptors. */
static void
allow_descriptors(int n)
{
	struct rlimit r;
	int next = dup(0);
	close(next);
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = (rlim_t)(next + n);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
}

/* Without descriptors one client is told so, the others wait, the loop does not spin, and all is
 * well again afterwards. */
static void
test_no_descriptors(void **state)
{
	(void)state;
	struct rlimit saved;
	struct peer *p[5];
	getrlimit(RLIMIT_NOFILE, &saved);
	front_start(&f, &limits);
	for (int i = 0; i < 5; i++)
		p[i] = peer_open(&f);
	allow_descriptors(1);
	peer_sends(&f, p[0], GET("/hold"));
	WAIT_FOR(&f, peer_has(p[1], "}") && f.nheld == 1);
	assert_true(peer_has(p[1], "HTTP/1.1 503 "));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
	for (int i = 2; i < 5; i++) {
		peer_sends(&f, p[i], GET("/"));
		WAIT_FOR(&f, peer_has(p[i], FRONT_OK));
	}
	front_release(&f);
	WAIT_FOR(&f, peer_has(p[0], FRONT_OK));
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_slow_request),
		TEST(test_idle),
		TEST(test_slow_handler),
		TEST(test_large_answer),
		TEST(test_write_deadline),
		TEST(test_body_limit),
		TEST(test_head_limits),
		TEST(test_garbage),
		TEST(test_linger_ends),
		TEST(test_connection_cap),
		TEST(test_no_descriptors),
	};
	return cmocka_run_group_tests_name("http_limits", tests, NULL, NULL);
}
