/* The front over real sockets: framing, order, connection handling, and every way in which client,
 * handler and server may leave before the others do. Limits and deadlines: test_http_limits.c. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/metric.h"

#include "../support/front.h"
#include "../unit/unit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static int
setup(void **state)
{
	static struct front f;
	struct http_limits limits;
	http_limits_default(&limits);
	front_start(&f, &limits);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	front_stop(*state);
	return 0;
}

static void
test_keep_alive(void **state)
{
	struct front *f = *state;
	struct peer *p = peer_open(f);
	for (int i = 1; i <= 3; i++) {
		peer_sends(f, p, GET("/"));
		WAIT_FOR(f, peer_answers(p) == i);
	}
	WAIT_FOR(f, p->in.len == 3 * strlen(FRONT_OK));
	assert_memory_equal(p->in.data, FRONT_OK, strlen(FRONT_OK));
	assert_false(p->ended);
	assert_int_equal(http_server_connections(f->server), 1);
	assert_int_equal(http_server_pending(f->server), 0);
}

static void
test_connection_close(void **state)
{
	static const struct {
		const char *request;
		const char *connection; /* NULL: no such field */
		bool ended;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close", true },
		{ "GET / HTTP/1.0\r\n\r\n", "close", true },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", false },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL, false },
	};
	struct front *f = *state;
	for (int i = 0; i < 4; i++) {
		char field[64];
		struct peer *p = peer_open(f);
		peer_sends(f, p, rows[i].request);
		WAIT_FOR(f, peer_has(p, "\r\n\r\n{}"));
		snprintf(field, sizeof(field), "\r\nConnection: %s\r\n",
		    rows[i].connection ? rows[i].connection : "");
		assert_int_equal(peer_has(p, rows[i].connection ? field : "Connection"),
		    rows[i].connection != NULL);
		WAIT_FOR(f, p->ended == rows[i].ended);
	}
}

static void
test_bodies(void **state)
{
	static const char *const requests[] = {
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "2\r\nhe\r\n3;x\r\nllo\r\n0\r\nX: y\r\n\r\n"),
		"DELETE /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	};
	struct front *f = *state;
	struct peer *p = peer_open(f);
	for (int i = 0; i < 3; i++) {
		buf_clear(&p->in);
		peer_sends(f, p, requests[i]);
		WAIT_FOR(f, peer_has(p, "Content-Length: 5\r\n\r\nhello"));
	}
}

/* A body far larger than the first buffer, in both framings. */
static void
test_large_bodies(void **state)
{
	enum {
		BODY = 1500000
	};
	struct front *f = *state;
	struct peer *p = peer_open(f);
	struct buf b;
	buf_init(&b, 4 << 20);
	buf_addf(&b, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BODY);
	for (int i = 0; i < BODY; i++)
		buf_addc(&b, (char)('a' + i % 23));
	size_t start = b.len - BODY;
	peer_send(f, p, (struct str){ b.data, b.len });
	WAIT_FOR(f, p->in.len > BODY);
	assert_memory_equal(p->in.data + p->in.len - BODY, b.data + start, BODY);

	buf_clear(&p->in);
	peer_sends(f, p, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int at = 0; at < BODY; at += 1000) {
		peer_sends(f, p, "3e8\r\n");
		peer_send(f, p, (struct str){ b.data + start + at, 1000 });
		peer_sends(f, p, "\r\n");
	}
	peer_sends(f, p, "0\r\n\r\n");
	WAIT_FOR(f, p->in.len > BODY);
	assert_memory_equal(p->in.data + p->in.len - BODY, b.data + start, BODY);
	buf_free(&b);
}

static void
test_head_and_no_content(void **state)
{
	struct front *f = *state;
	struct peer *p = peer_open(f);
	http_server_refusal_headers(f->server, "X-Refused: 1\r\n");
	peer_sends(f, p, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET("/none"));
	WAIT_FOR(f, peer_has(p, "X-Extra: 1\r\n\r\n"));
	assert_string_equal(p->in.data, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
					"Content-Length: 2\r\n\r\n"
					"HTTP/1.1 204 No Content\r\nX-Extra: 1\r\n\r\n");
}

static void
test_byte_by_byte(void **state)
{
	static const char request[] =
	    "\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
	    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\ndef\r\n0\r\n\r\n" GET("/target?x");
	struct front *f = *state;
	struct peer *p = peer_open(f);
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		peer_send(f, p, (struct str){ request + i, 1 });
		front_turn(f);
	}
	WAIT_FOR(f, peer_has(p, "\r\n\r\nGET /target?x"));
	assert_true(peer_has(p, "\r\n\r\nabcHTTP/1.1 "));
	assert_true(peer_has(p, "\r\n\r\ndefHTTP/1.1 "));
}

static void
test_pipelining(void **state)
{
	struct front *f = *state;
	struct peer *p = peer_open(f);
	struct buf b;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 50; i++) {
		buf_addf(&b, "POST /echo HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n",
		    i % 2 ? "Transfer-Encoding: chunked" : "Content-Length: 5");
		buf_addf(&b, i % 2 ? "5\r\n<%03d>\r\n0\r\n\r\n" : "<%03d>", i);
	}
	peer_send(f, p, (struct str){ b.data, b.len });
	WAIT_FOR(f, peer_has(p, "<049>"));
	const char *at = p->in.data;
	for (int i = 0; i < 50; i++) {
		char text[16];
		snprintf(text, sizeof(text), "<%03d>", i);
		at = strstr(at, text);
		assert_non_null(at);
	}
	assert_int_equal(peer_answers(p), 50);
	assert_int_equal(f->handled, 50);
	buf_free(&b);
}

/* One request at a time: the next is not handed over before the first is answered, and a client
 * that goes on sending is not read from without bound. */
static void
test_one_at_a_time(void **state)
{
	enum {
		MANY = 2000
	};
	struct front *f = *state;
	struct peer *p = peer_open(f);
	peer_sends(f, p, GET("/hold"));
	WAIT_FOR(f, f->nheld == 1);
	peer_sends(f, p, GET("/hold"));
	for (int i = 0; i < 20; i++)
		front_turn(f);
	assert_int_equal(f->nheld, 1);
	front_release(f);
	WAIT_FOR(f, f->nheld == 1);

	static char bytes[1 << 20];
	size_t taken = 0;
	int refused = 0;
	while (refused < 50 && taken < MANY * sizeof(bytes)) {
		ssize_t n = send(p->fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
		taken += n > 0 ? (size_t)n : 0;
		refused = n > 0 ? 0 : refused + 1;
		front_turn(f);
	}
	assert_int_equal(refused, 50); /* the socket buffers are full, and stay so */
	front_release(f);
	WAIT_FOR(f, peer_has(p, "400 Bad Request"));
}

static void
test_half_close(void **state)
{
	struct front *f = *state;
	struct peer *p = peer_open(f);
	peer_sends(f, p, GET("/hold") GET("/target"));
	peer_shut(p);
	WAIT_FOR(f, f->nheld == 1);
	for (int i = 0; i < 20; i++)
		front_turn(f);
	assert_false(p->ended);
	front_release(f);
	WAIT_FOR(f, p->ended);
	assert_true(peer_has(p, "GET /target"));
	WAIT_FOR(f, http_server_connections(f->server) == 0);
}

static void
test_expect(void **state)
{
	struct front *f = *state;
	struct peer *p = peer_open(f);
	peer_sends(f, p,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	WAIT_FOR(f, p->in.len > 0);
	assert_string_equal(p->in.data, "HTTP/1.1 100 Continue\r\n\r\n");
	peer_sends(f, p, "a");
	front_turn(f);
	peer_sends(f, p, "bc");
	WAIT_FOR(f, peer_has(p, "\r\n\r\nabc"));
	assert_int_equal(peer_answers(p), 2);
	/* Not when the body is already there. */
	buf_clear(&p->in);
	peer_sends(f, p,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	    "Content-Length: 3\r\n\r\nxyz");
	WAIT_FOR(f, peer_has(p, "\r\n\r\nxyz"));
	assert_int_equal(peer_answers(p), 1);
}

/* The client vanishes, politely or not, while the handler has its request. */
static void
test_client_gone(void **state)
{
	struct front *f = *state;
	for (int i = 0; i < 2; i++) {
		struct peer *p = peer_open(f);
		peer_sends(f, p, GET("/hold"));
		WAIT_FOR(f, f->nheld == 1);
		if (i)
			peer_reset(p);
		else
			peer_close(p);
		for (int k = 0; k < 20; k++)
			front_turn(f);
		assert_int_equal(http_server_pending(f->server), 1);
		front_release(f);
		assert_int_equal(http_server_pending(f->server), 0);
		WAIT_FOR(f, http_server_connections(f->server) == 0);
	}
}

/* Answers to a server that is gone are dropped; the requests stay readable until then. */
static void
test_server_gone(void **state)
{
	struct front *f = *state;
	struct peer *holding = peer_open(f), *idle = peer_open(f), *half = peer_open(f);
	peer_sends(f, holding, GET("/hold"));
	peer_sends(f, half, "GET / HT");
	WAIT_FOR(f, f->nheld == 1 && http_server_connections(f->server) == 3);
	http_server_free(f->server);
	f->server = NULL;
	assert_true(str_eq(f->held[0]->path, STR("/hold")));
	WAIT_FOR(f, holding->ended && idle->ended && half->ended);
	front_release(f);
	assert_int_equal(metric_sum(METRIC_HTTP_CONNECTIONS), 0);
}

static void
test_freed_by_the_handler(void **state)
{
	struct front *f = *state;
	struct peer *p = peer_open(f);
	f->free_in_handler = true;
	peer_sends(f, p, GET("/") GET("/"));
	WAIT_FOR(f, p->ended);
	assert_int_equal(f->handled, 1);
}

static void
test_drain(void **state)
{
	struct front *f = *state;
	struct peer *idle = peer_open(f), *busy = peer_open(f), *half = peer_open(f);
	struct peer *sent = peer_open(f);
	peer_sends(f, busy, GET("/hold"));
	peer_sends(f, half, "GET / HTTP/1.1\r\n");
	WAIT_FOR(f, f->nheld == 1 && http_server_connections(f->server) == 4);
	peer_sends(f, sent, GET("/")); /* in the socket, not read yet */
	http_server_drain(f->server);
	http_server_drain(f->server);
	struct peer *late = peer_open(f);
	WAIT_FOR(f, idle->ended && sent->ended);
	assert_int_equal(idle->in.len, 0);
	assert_true(peer_has(sent, "Connection: close"));
	front_release(f);
	peer_sends(f, half, "Host: a\r\n\r\n");
	WAIT_FOR(f, busy->ended && half->ended);
	assert_true(peer_has(busy, "200 OK"));
	assert_true(peer_has(busy, "Connection: close"));
	assert_true(peer_has(half, "Connection: close"));
	peer_close(busy);
	peer_close(half);
	peer_close(sent);
	WAIT_FOR(f, http_server_connections(f->server) == 0);
	assert_false(late->ended);
}

static void
test_adopt(void **state)
{
	struct front *f = *state;
	int fds[2];
	char answer[256] = "";
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	http_server_adopt(f->server, fds[0]);
	assert_int_equal(send(fds[1], GET("/"), strlen(GET("/")), 0), strlen(GET("/")));
	ssize_t n = -1;
	WAIT_FOR(f, (n = recv(fds[1], answer, sizeof(answer) - 1, MSG_DONTWAIT)) > 0);
	assert_string_equal(answer, FRONT_OK);
	close(fds[1]);
	WAIT_FOR(f, http_server_connections(f->server) == 0);
}

/* A refusal is JSON, closes politely, and counts; the handler never sees the request. */
static void
test_refusal(void **state)
{
	struct front *f = *state;
	struct peer *p = peer_open(f);
	int64_t before = metric_sum(METRIC_HTTP_4XX);
	http_server_refusal_headers(f->server, "X-Refused: 1\r\n");
	peer_sends(f, p, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" GET("/"));
	WAIT_FOR(f, p->ended);
	assert_string_equal(p->in.data,
	    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
	    "Content-Length: 54\r\nConnection: close\r\nX-Refused: 1\r\n\r\n"
	    "{\"code\":\"generic_error\",\"detail\":\"invalid field name\"}");
	assert_int_equal(f->handled, 0);
	assert_int_equal(metric_sum(METRIC_HTTP_4XX), before + 1);
	p = peer_open(f);
	peer_sends(f, p, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
	WAIT_FOR(f, p->ended);
	assert_true(peer_has(p, "HTTP/1.1 405 ") && peer_has(p, "\r\nAllow: GET, "));
}

static void
test_listen(void **state)
{
	static const char *const bad[] = { "", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:x",
		"127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[]:80", "[::1]80" };
	struct front *f = *state;
	struct err e;
	int fd, port;
	char taken[32];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(http_listen(bad[i], &fd, &port, &e), -1);
		assert_int_equal(e.kind, ERR_CONFIG);
	}
	snprintf(taken, sizeof(taken), "127.0.0.1:%d", f->port);
	assert_int_equal(http_listen(taken, &fd, &port, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_string_equal(e.origin, "EADDRINUSE");
	assert_non_null(strstr(e.text, "in use by another program"));
	assert_int_equal(http_listen("192.0.2.1:0", &fd, &port, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_int_equal(http_listen("localhost:0", &fd, &port, &e), 0);
	assert_in_range(port, 1, 65535);
	close(fd);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_keep_alive),
		TEST(test_connection_close),
		TEST(test_bodies),
		TEST(test_large_bodies),
		TEST(test_head_and_no_content),
		TEST(test_byte_by_byte),
		TEST(test_pipelining),
		TEST(test_one_at_a_time),
		TEST(test_half_close),
		TEST(test_expect),
		TEST(test_client_gone),
		TEST(test_server_gone),
		TEST(test_freed_by_the_handler),
		TEST(test_drain),
		TEST(test_adopt),
		TEST(test_refusal),
		TEST(test_listen),
	};
	return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
