/* The HTTP client against a scripted receiver on the same loop: answers, broken answers, hostile
 * answers, refused addresses, TLS, reuse, many at once, and abort at every point.
 *
 * Deadlines here are short and only bound from below and loosely from above; what is asserted is
 * which outcome came, not when. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

#include "../support/receiver.h"
#include "../unit/unit.h"
#include "http/client.h"

#define DEADLINE_MS 20000 /* of exchanges that are expected to end by themselves */
#define SHORT_MS    150   /* of those that are expected to run into it */
#define WAIT_MAX    (60 * USEC_PER_SEC)

#define OK_HEAD     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
#define OK          OK_HEAD "\r\nok"
#define CHUNKED     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct receiver_play ok = { .bytes = { OK, sizeof(OK) - 1 } };

struct fixture {
	struct loop *loop;
	struct address_policy policy; /* loopback */
	struct client *client;
	struct receiver *receiver;
	struct receiver_script script;
	struct client_target *target;
};

/* A response that outlives its callback. */
struct result {
	int calls;
	struct client_response r;
	char body[65536];
	char retry_after[256];
	struct client_exchange *exchange;
	struct fixture *fixture; /* of callbacks that do more */
};

static void
policy_set(struct address_policy *p, const char *text)
{
	struct err e;
	if (address_policy_parse(str_of(text), p, &e))
		fail_msg("%s", e.text);
}

static struct client_target *
target_for(const char *scheme, const char *host, int port)
{
	char url[256];
	struct err e;
	snprintf(url, sizeof(url), "%s://%s:%d/hook?a=1", scheme, host, port);
	struct client_target *t = client_target_new(url, &e);
	if (!t)
		fail_msg("%s", e.text);
	return t;
}

static void
client_set(struct fixture *f, const struct client_options *o)
{
	struct err e;
	client_free(f->client);
	f->client = client_new(f->loop, &f->policy, o, &e);
	if (!f->client)
		fail_msg("%s", e.text);
}

static void
receiver_set(struct fixture *f, struct receiver *r, const char *scheme, const char *host)
{
	if (f->receiver)
		receiver_free(f->receiver);
	client_target_free(f->target);
	f->receiver = r;
	f->target = target_for(scheme, host, receiver_port(r));
}

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	struct client_options o;
	f->loop = loop_new();
	policy_set(&f->policy, "127.0.0.0/8, ::1");
	client_options_default(&o);
	client_set(f, &o);
	receiver_set(f, receiver_new(f->loop, "127.0.0.1", NULL, receiver_scripted, &f->script),
	    "http", "receiver.test");
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	client_free(f->client);
	client_target_free(f->target);
	receiver_free(f->receiver);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void
play(struct fixture *f, const struct receiver_play *plays, int n)
{
	f->script = (struct receiver_script){ .plays = plays, .n = n };
}

/* Turns the loop until the condition holds. */
#define UNTIL(f, condition)                                                                        \
	do {                                                                                       \
		usec_t until_ = clock_mono() + WAIT_MAX;                                           \
		while (!(condition)) {                                                             \
			loop_turn((f)->loop, 50);                                                  \
			if (clock_mono() > until_)                                                 \
				fail_msg("never: %s", #condition);                                 \
		}                                                                                  \
	} while (0)

static void
on_response(void *arg, const struct client_response *r)
{
	struct result *x = arg;
	x->calls++;
	x->r = *r;
	x->exchange = NULL;
	assert_true(r->body.n < sizeof(x->body) && r->retry_after.n < sizeof(x->retry_after));
	if (r->body.n)
		memcpy(x->body, r->body.p, r->body.n);
	x->body[r->body.n] = '\0';
	if (r->retry_after.n)
		memcpy(x->retry_after, r->retry_after.p, r->retry_after.n);
	x->retry_after[r->retry_after.n] = '\0';
}

static void
start_to(struct fixture *f, const struct sockaddr_storage *to, int64_t timeout_ms, struct result *x)
{
	static const char *const headers[] = { "content-type: application/json", "x-test: 1" };
	const struct client_request rq = {
		.target = f->target,
		.to = to,
		.headers = headers,
		.nheaders = 2,
		.body = STR("{\"a\":1}"),
		.timeout_ms = timeout_ms,
	};
	memset(x, 0, sizeof(*x));
	x->fixture = f;
	x->exchange = client_start(f->client, &rq, on_response, x);
	assert_int_equal(x->calls, 0); /* never from inside client_start */
}

static void
start(struct fixture *f, int64_t timeout_ms, struct result *x)
{
	start_to(f, receiver_address(f->receiver), timeout_ms, x);
}

static const struct result *
exchange(struct fixture *f, int64_t timeout_ms)
{
	static struct result x;
	start(f, timeout_ms, &x);
	UNTIL(f, x.calls);
	assert_int_equal(client_in_flight(f->client), 0);
	assert_int_equal(x.calls, 1);
	return &x;
}

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

static const struct receiver_play *
remember(void *arg, const struct receiver_request *rq)
{
	(void)arg;
	snprintf(seen_head, sizeof(seen_head), "%.*s", STR_FMT(rq->head));
	snprintf(seen_body, sizeof(seen_body), "%.*s", STR_FMT(rq->body));
	return &ok;
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

/* ---- connections ---- */

static void
test_connect_fails(void **state)
{
	struct fixture *f = *state;
	/* A port that was free a moment ago. */
	struct receiver *r = receiver_new(f->loop, "127.0.0.1", NULL, remember, NULL);
	const struct sockaddr_storage to = *receiver_address(r);
	receiver_free(r);
	struct result x;
	start_to(f, &to, DEADLINE_MS, &x);
	UNTIL(f, x.calls);
	assert_int_equal(x.r.transport, TRANSPORT_CONNECT);
	assert_string_equal(x.r.detail, "connection refused");
	assert_int_equal(x.r.sends, 0);

	/* A reset may come before libcurl has seen that it is connected. */
	receiver_on_accept(f->receiver, RECEIVER_RESET);
	enum transport how = exchange(f, DEADLINE_MS)->r.transport;
	assert_true(how == TRANSPORT_RESET || how == TRANSPORT_CONNECT);
	receiver_on_accept(f->receiver, RECEIVER_CLOSE);
	assert_int_equal(exchange(f, DEADLINE_MS)->r.transport, TRANSPORT_RESET);
}

static void
test_keep_alive(void **state)
{
	struct fixture *f = *state;
	play(f, &ok, 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	assert_int_equal(receiver_counts(f->receiver).accepted, 1);
	assert_int_equal(receiver_counts(f->receiver).requests, 100);
}

/* A kept connection that dies on the next request: libcurl repeats the request without a word, and
 * that is counted. */
static void
test_reused_connection_closes(void **state)
{
	static const struct receiver_play plays[] = {
		{ .bytes = { OK, sizeof(OK) - 1 } },
		{ .end = RECEIVER_CLOSE },
		{ .bytes = { OK, sizeof(OK) - 1 } },
	};
	struct fixture *f = *state;
	play(f, plays, ARRAY_LEN(plays));
	assert_int_equal(exchange(f, DEADLINE_MS)->r.sends, 1);
	const struct result *x = exchange(f, DEADLINE_MS);
	assert_int_equal(x->r.transport, TRANSPORT_OK);
	assert_int_equal(x->r.sends, 2);
	assert_int_equal(receiver_counts(f->receiver).requests, 3);
}

/* An idle connection that the receiver closed is noticed, does not make the loop spin, and is not
 * sent into. */
static void
test_idle_connection_closes(void **state)
{
	struct fixture *f = *state;
	play(f, &ok, 1);
	exchange(f, DEADLINE_MS);
	receiver_close_connections(f->receiver);
	int turns = 0;
	for (usec_t end = clock_mono() + 100 * USEC_PER_MS; clock_mono() < end; turns++)
		loop_turn(f->loop, 20);
	assert_true(turns < 50);
	assert_int_equal(exchange(f, DEADLINE_MS)->r.sends, 1);
	assert_int_equal(receiver_counts(f->receiver).accepted, 2);
}

/* Bytes nobody asked for on a kept connection must not become the next answer. */
static void
test_unasked_answer(void **state)
{
	static const struct receiver_play plays[] = {
		{ .bytes = { OK "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
		      sizeof(OK "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n") - 1 } },
		{ .bytes = { OK, sizeof(OK) - 1 } },
	};
	struct fixture *f = *state;
	play(f, plays, ARRAY_LEN(plays));
	for (int i = 0; i < 3; i++)
		assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
}

static struct sockaddr_storage
address_of(const char *ip, int port)
{
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a;
	a.ss_family = strchr(ip, ':') ? AF_INET6 : AF_INET;
	void *bytes = a.ss_family == AF_INET ? (void *)&sin->sin_addr : (void *)&sin6->sin6_addr;
	assert_int_equal(inet_pton(a.ss_family, ip, bytes), 1);
	sin->sin_port = htons((uint16_t)port);
	return a;
}

/* The address decides, not the name; port 0 means the URL's. */
static void
test_blocked(void **state)
{
	static const char *const internal[] = { "127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0",
		"10.0.0.1", "169.254.169.254", "fe80::1", "64:ff9b::7f00:1" };
	struct fixture *f = *state;
	struct result x;
	play(f, &ok, 1);
	struct sockaddr_storage to = address_of("127.0.0.1", 0);
	start_to(f, &to, DEADLINE_MS, &x);
	UNTIL(f, x.calls);
	assert_int_equal(x.r.status, 200);

	policy_set(&f->policy, "");
	for (size_t i = 0; i < ARRAY_LEN(internal); i++) {
		to = address_of(internal[i], receiver_port(f->receiver));
		start_to(f, &to, DEADLINE_MS, &x);
		UNTIL(f, x.calls);
		assert_int_equal(x.r.transport, TRANSPORT_BLOCKED);
		assert_int_equal(x.r.status, 0);
		assert_int_equal(x.r.sends, 0);
		assert_string_equal(x.r.detail, "address not allowed");
	}
	assert_int_equal(receiver_counts(f->receiver).requests, 1);
}

/* A connection made under another policy is not used again: first by the judgement before each
 * request, then because it is gone. */
static void
test_policy_changes(void **state)
{
	struct fixture *f = *state;
	play(f, &ok, 1);
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	policy_set(&f->policy, "");
	assert_int_equal(exchange(f, DEADLINE_MS)->r.transport, TRANSPORT_BLOCKED);
	policy_set(&f->policy, "127.0.0.1");
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	client_drop_idle(f->client);
	UNTIL(f, receiver_counts(f->receiver).open == 0);
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	assert_int_equal(receiver_counts(f->receiver).requests, 3);
}

static void
test_ipv6(void **state)
{
	struct fixture *f = *state;
	play(f, &ok, 1);
	if (access("/proc/net/if_inet6", F_OK))
		skip();
	receiver_set(
	    f, receiver_new(f->loop, "::1", NULL, receiver_scripted, &f->script), "http", "[::1]");
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	client_target_free(f->target);
	f->target = target_for("http", "receiver.test", receiver_port(f->receiver));
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
}

static void
test_targets_refused(void **state)
{
	static const char *const urls[] = { "", "receiver.test", "ftp://receiver.test/",
		"file:///etc/passwd", "http://user@receiver.test/", "http://u:p@receiver.test/",
		"http://", "http://a b/", "gopher://receiver.test/",
		"http://receiver.test:65536/" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct err e = { 0 };
		if (client_target_new(urls[i], &e))
			fail_msg("accepted: %s", urls[i]);
		assert_int_equal(e.kind, ERR_INVALID);
	}
	client_target_free(NULL);
}

/* ---- TLS ---- */

static void
test_tls(void **state)
{
	struct fixture *f = *state;
	char pem[] = "/tmp/posthorn-test-XXXXXX";
	int fd = mkstemp(pem);
	assert_true(fd >= 0);
	close(fd);
	SSL_CTX *tls = receiver_tls_new("receiver.test", pem);
	play(f, &ok, 1);
	receiver_set(f, receiver_new(f->loop, "127.0.0.1", tls, receiver_scripted, &f->script),
	    "https", "receiver.test");

	const struct result *x = exchange(f, DEADLINE_MS);
	assert_int_equal(x->r.transport, TRANSPORT_TLS);
	assert_non_null(strstr(x->r.detail, "self"));
	assert_int_equal(x->r.sends, 0);
	assert_int_equal(receiver_counts(f->receiver).requests, 0);

	struct client_options o;
	client_options_default(&o);
	o.insecure_tls = true;
	client_set(f, &o);
	for (int i = 0; i < 10; i++)
		assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	assert_int_equal(receiver_counts(f->receiver).accepted, 2);

	/* Trusted, for this name and its address only. */
	o.insecure_tls = false;
	o.ca_file = pem;
	client_set(f, &o);
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	client_target_free(f->target);
	f->target = target_for("https", "127.0.0.1", receiver_port(f->receiver));
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	client_target_free(f->target);
	f->target = target_for("https", "other.test", receiver_port(f->receiver));
	x = exchange(f, DEADLINE_MS);
	assert_int_equal(x->r.transport, TRANSPORT_TLS);
	assert_string_equal(x->r.detail, "certificate is for another name");
	unlink(pem);

	/* The receiver closes an idle connection with close_notify: not sent into. */
	client_target_free(f->target);
	f->target = target_for("https", "receiver.test", receiver_port(f->receiver));
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	receiver_close_connections(f->receiver);
	loop_turn(f->loop, 20);
	loop_turn(f->loop, 20);
	x = exchange(f, DEADLINE_MS);
	assert_int_equal(x->r.status, 200);
	assert_int_equal(x->r.sends, 1);

	receiver_free(f->receiver);
	f->receiver = receiver_new(f->loop, "127.0.0.1", NULL, receiver_scripted, &f->script);
	SSL_CTX_free(tls);
}

/* Neither a plain server nor a silent one completes a handshake. */
static void
test_tls_no_handshake(void **state)
{
	static const struct receiver_play plain[] = { { .bytes = { OK, sizeof(OK) - 1 } } };
	struct fixture *f = *state;
	play(f, plain, 1);
	client_target_free(f->target);
	f->target = target_for("https", "receiver.test", receiver_port(f->receiver));
	const struct result *x = exchange(f, SHORT_MS); /* it waits for a request's end */
	assert_int_equal(x->r.transport, TRANSPORT_TIMEOUT);
	assert_string_equal(x->r.detail, "timed out connecting");
	receiver_on_accept(f->receiver, RECEIVER_CLOSE);
	assert_int_equal(exchange(f, DEADLINE_MS)->r.transport, TRANSPORT_TLS);
}

static void
test_ca_file_missing(void **state)
{
	struct fixture *f = *state;
	struct client_options o;
	struct err e;
	client_options_default(&o);
	o.ca_file = "/nonexistent/ca.pem";
	assert_null(client_new(f->loop, &f->policy, &o, &e));
	assert_int_equal(e.kind, ERR_CONFIG);
}

/* ---- many, and abort ---- */

#define MANY 2000

static const struct receiver_play *
hold(void *arg, const struct receiver_request *rq)
{
	(void)arg;
	(void)rq;
	return NULL;
}

static int many_ok;

static void
on_one_of_many(void *arg, const struct client_response *r)
{
	(void)arg;
	many_ok += r->transport == TRANSPORT_OK && r->status == 200 && r->sends == 1;
}

static size_t
resident_bytes(void)
{
	unsigned long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%lu %lu", &pages, &resident) != 2)
		fail_msg("/proc/self/statm");
	fclose(f);
	return resident * 4096;
}

static void
test_many(void **state)
{
	struct fixture *f = *state;
	receiver_set(
	    f, receiver_new(f->loop, "127.0.0.1", NULL, hold, NULL), "http", "receiver.test");
	const struct client_request rq = {
		.target = f->target,
		.to = receiver_address(f->receiver),
		.body = STR("{}"),
		.timeout_ms = DEADLINE_MS * 5,
	};
	size_t before = resident_bytes();
	many_ok = 0;
	for (int i = 0; i < MANY; i++)
		client_start(f->client, &rq, on_one_of_many, NULL);
	assert_int_equal(client_in_flight(f->client), MANY);
	UNTIL(f, receiver_counts(f->receiver).held == MANY);
	assert_int_equal(client_in_flight(f->client), MANY);
	/* Both ends of 2 000 connections; 10 kB each is the goal for the client's, the rest is
	 * the receiver's and the sanitizers'. */
	assert_true(resident_bytes() - before < (size_t)MANY * 80000);
	receiver_release(f->receiver, &ok);
	UNTIL(f, client_in_flight(f->client) == 0);
	assert_int_equal(many_ok, MANY);
	/* Kept connections are bounded. */
	UNTIL(f, receiver_counts(f->receiver).open <= 1024);
}

/* Aborted after each number of turns, so in every phase: queued, connecting, sent, answered. */
static void
test_abort(void **state)
{
	const struct receiver_play slow = {
		.bytes = STR("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
		.again = STR("x"),
		.again_ms = 1,
	};
	struct fixture *f = *state;
	play(f, &slow, 1);
	for (int turns = 0; turns < 20; turns++) {
		struct result x;
		start(f, DEADLINE_MS, &x);
		for (int i = 0; i < turns; i++)
			loop_turn(f->loop, 5);
		assert_int_equal(x.calls, 0);
		client_abort(x.exchange);
		assert_int_equal(client_in_flight(f->client), 0);
		UNTIL(f, receiver_counts(f->receiver).open == 0);
		assert_int_equal(x.calls, 0);
	}
}

/* A callback that aborts another exchange, starts one, and aborts itself to no effect. */
static void
on_abort_other(void *arg, const struct client_response *r)
{
	struct result *x = arg;
	on_response(x, r);
	x->fixture->script = (struct receiver_script){ .plays = x->fixture->script.plays, .n = 1 };
	struct result *other = x + 1;
	if (other->exchange)
		client_abort(other->exchange);
	other->exchange = NULL;
	start(x->fixture, DEADLINE_MS, x + 2);
}

static void
test_abort_in_callback(void **state)
{
	static struct result x[3];
	struct fixture *f = *state;
	play(f, &ok, 1);
	memset(x, 0, sizeof(x));
	const struct client_request rq = {
		.target = f->target,
		.to = receiver_address(f->receiver),
		.timeout_ms = DEADLINE_MS,
	};
	x[0].fixture = f;
	start(f, DEADLINE_MS, &x[1]);
	client_start(f->client, &rq, on_abort_other, &x[0]);
	UNTIL(f, x[0].calls && x[2].calls);
	assert_true(x[1].calls <= 1); /* it may have been first */
	assert_int_equal(x[2].r.status, 200);
	assert_int_equal(client_in_flight(f->client), 0);
}

static void
on_free_client(void *arg, const struct client_response *r)
{
	struct result *x = arg;
	on_response(x, r);
	client_free(x->fixture->client);
	x->fixture->client = NULL;
}

/* By an answer, and by a deadline; with others in every state, which are never called. */
static void
test_free_in_callback(void **state)
{
	static const struct receiver_play plays[][1] = { { { .bytes = { OK, sizeof(OK) - 1 } } },
		{ { .end = RECEIVER_KEEP } } };
	struct fixture *f = *state;
	struct client_options o;
	client_options_default(&o);
	for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
		static struct result x, others[5];
		play(f, plays[i], 1);
		client_set(f, &o);
		memset(&x, 0, sizeof(x));
		x.fixture = f;
		const struct client_request rq = {
			.target = f->target,
			.to = receiver_address(f->receiver),
			.timeout_ms = SHORT_MS,
		};
		client_start(f->client, &rq, on_free_client, &x);
		for (size_t j = 0; j < ARRAY_LEN(others); j++)
			start(f, DEADLINE_MS, &others[j]);
		UNTIL(f, x.calls);
		assert_null(f->client);
		loop_turn(f->loop, 20);
		for (size_t j = 0; j < ARRAY_LEN(others); j++)
			assert_int_equal(others[j].calls, 0);
		UNTIL(f, receiver_counts(f->receiver).open == 0);
	}
	client_free(NULL);
}

/* With exchanges under way, and kept connections. */
static void
test_free_under_way(void **state)
{
	static const struct receiver_play plays[] = { { .bytes = { OK, sizeof(OK) - 1 } },
		{ .end = RECEIVER_KEEP } };
	struct fixture *f = *state;
	static struct result x[10];
	play(f, plays, ARRAY_LEN(plays));
	exchange(f, DEADLINE_MS);
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		start(f, DEADLINE_MS, &x[i]);
		loop_turn(f->loop, 1);
	}
	client_free(f->client);
	f->client = NULL;
	UNTIL(f, receiver_counts(f->receiver).open == 0);
	for (size_t i = 0; i < ARRAY_LEN(x); i++)
		assert_int_equal(x[i].calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_request_bytes),
		TEST(test_request_bare),
		TEST(test_request_large),
		TEST(test_failures),
		TEST(test_body_bounds),
		TEST(test_retry_after_bound),
		TEST(test_connect_fails),
		TEST(test_keep_alive),
		TEST(test_reused_connection_closes),
		TEST(test_idle_connection_closes),
		TEST(test_unasked_answer),
		TEST(test_blocked),
		TEST(test_policy_changes),
		TEST(test_ipv6),
		TEST(test_targets_refused),
		TEST(test_tls),
		TEST(test_tls_no_handshake),
		TEST(test_ca_file_missing),
		TEST(test_many),
		TEST(test_abort),
		TEST(test_abort_in_callback),
		TEST(test_free_in_callback),
		TEST(test_free_under_way),
	};
	struct rlimit files;
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
