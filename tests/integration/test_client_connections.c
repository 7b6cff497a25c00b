/* The HTTP client's connections: failing, kept, closed by the peer, refused by the policy, TLS, two
 * thousand at once; and exchanges aborted at every point. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../support/client_fixture.h"
#include "http/client.h"

static void
test_connect_fails(void **state)
{
	struct fixture *f = *state;
	/* A port that was free a moment ago. */
	struct receiver *r =
	    receiver_new(f->loop, "127.0.0.1", NULL, receiver_scripted, &f->script);
	const struct sockaddr_storage to = *receiver_address(r);
	receiver_free(r);
	struct result x;
	start_to(f, &to, DEADLINE_MS, &x);
	UNTIL(f, x.calls);
	assert_int_equal(x.r.transport, TRANSPORT_CONNECT);
	assert_string_equal(x.r.detail, "connection refused");
	assert_int_equal(x.r.sends, 0);

	/* A reset may come before the client has seen that it is connected. */
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

/* A kept connection that dies on the next request: it is repeated without a word, and
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

/* The request is repeated only once, and never when a byte of an answer has come. */
static void
test_repeats_once(void **state)
{
	static const struct {
		struct receiver_play plays[3];
		int sends;
	} cases[] = {
		{ { { .bytes = { OK, sizeof(OK) - 1 } }, { .end = RECEIVER_CLOSE },
		      { .end = RECEIVER_CLOSE } },
		    2 },
		{ { { .bytes = { OK, sizeof(OK) - 1 } }, { .end = RECEIVER_RESET },
		      { .end = RECEIVER_RESET } },
		    2 },
		{ { { .bytes = { OK, sizeof(OK) - 1 } },
		      { .bytes = STR_INIT("H"), .end = RECEIVER_CLOSE },
		      { .bytes = { OK, sizeof(OK) - 1 } } },
		    1 },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int before = receiver_counts(f->receiver).requests;
		play(f, cases[i].plays, 3);
		assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
		const struct result *x = exchange(f, DEADLINE_MS);
		assert_int_equal(x->r.transport, TRANSPORT_RESET);
		assert_int_equal(x->r.sends, cases[i].sends);
		int requests = receiver_counts(f->receiver).requests - before;
		assert_int_equal(requests, 1 + cases[i].sends);
	}
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

/* A receiver that answers before it has read, and goes: the answer counts. */
static void
test_early_answer(void **state)
{
	static const char answer[] = "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n";
	static char body[16 << 20];
	struct fixture *f = *state;
	struct sockaddr_storage to = address_of("127.0.0.1", 0);
	socklen_t size = sizeof(struct sockaddr_in);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), peer;
	assert_int_equal(bind(listener, (struct sockaddr *)&to, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&to, &size), 0);
	struct result x = { 0 };
	const struct client_request rq = {
		.target = f->target,
		.to = &to,
		.body = { body, sizeof(body) },
		.timeout_ms = DEADLINE_MS,
	};
	client_start(f->client, &rq, on_response, &x);
	UNTIL(f, (peer = accept(listener, NULL, NULL)) >= 0);
	assert_int_equal(write(peer, answer, sizeof(answer) - 1), sizeof(answer) - 1);
	UNTIL(f, x.calls);
	assert_int_equal(x.r.status, 413);
	assert_int_equal(x.r.sends, 1);
	close(peer);
	close(listener);
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

	/* A file without a certificate fails the exchange, not the client: it is read when needed.
	 */
	o.insecure_tls = false;
	o.ca_file = "/dev/null";
	client_set(f, &o);
	x = exchange(f, DEADLINE_MS);
	assert_int_equal(x->r.transport, TRANSPORT_TLS);
	assert_string_equal(x->r.detail, "CA file unusable");

	/* Trusted, for this name and its address only. */
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

/* A receiver that closes each connection, by the one version of TLS; certificates do not matter. */
static SSL_CTX *
closing_tls_receiver(struct fixture *f, int version)
{
	static const struct receiver_play closing = { .bytes = { OK, sizeof(OK) - 1 },
		.end = RECEIVER_CLOSE };
	struct client_options o;
	client_options_default(&o);
	o.insecure_tls = true;
	client_set(f, &o);
	SSL_CTX *tls = receiver_tls_new("receiver.test", NULL);
	SSL_CTX_set_min_proto_version(tls, version);
	SSL_CTX_set_max_proto_version(tls, version);
	play(f, &closing, 1);
	receiver_set(f, receiver_new(f->loop, "127.0.0.1", tls, receiver_scripted, &f->script),
	    "https", "receiver.test");
	return tls;
}

static void
tls_receiver_free(struct fixture *f, SSL_CTX *tls)
{
	receiver_free(f->receiver);
	f->receiver = receiver_new(f->loop, "127.0.0.1", NULL, receiver_scripted, &f->script);
	SSL_CTX_free(tls);
}

/* A session is good for more than one connection, even while no newer one is there. */
static void
resume_many_times(struct fixture *f, int version)
{
	SSL_CTX *tls = closing_tls_receiver(f, version);
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	SSL_CTX_set_num_tickets(tls, 0);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
		assert_int_equal(SSL_CTX_sess_hits(tls), i);
	}
	assert_int_equal(receiver_counts(f->receiver).accepted, 4);
	tls_receiver_free(f, tls);
}

static void
test_tls_sessions(void **state)
{
	resume_many_times(*state, TLS1_3_VERSION);
	resume_many_times(*state, TLS1_2_VERSION);
}

/* Receivers do not take each other's place. */
static void
test_tls_sessions_of_many(void **state)
{
	enum {
		RECEIVERS = 20
	};
	struct fixture *f = *state;
	SSL_CTX *tls = closing_tls_receiver(f, TLS1_3_VERSION);
	for (int i = 0; i < 2 * RECEIVERS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "receiver-%d.test", i % RECEIVERS);
		client_target_free(f->target);
		f->target = target_for("https", name, receiver_port(f->receiver));
		assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	}
	assert_int_equal(SSL_CTX_sess_hits(tls), RECEIVERS);
	tls_receiver_free(f, tls);
}

/* A body of many records, which the socket does not take at once. */
static void
test_tls_large(void **state)
{
	static char body[3 << 20];
	struct fixture *f = *state;
	SSL_CTX *tls = closing_tls_receiver(f, TLS1_3_VERSION);
	struct result x = { 0 };
	const struct client_request rq = {
		.target = f->target,
		.to = receiver_address(f->receiver),
		.body = { body, sizeof(body) },
		.timeout_ms = DEADLINE_MS,
	};
	memset(body, 'x', sizeof(body));
	client_start(f->client, &rq, on_response, &x);
	UNTIL(f, x.calls);
	assert_int_equal(x.r.status, 200);
	assert_int_equal(x.r.sends, 1);
	tls_receiver_free(f, tls);
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
	assert_string_equal(x->r.detail, "timed out in the TLS handshake");
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

static const struct receiver_play *
keep_first(void *arg, const struct receiver_request *rq)
{
	(void)arg;
	return rq->connection == 1 ? &ok : NULL;
}

/* What is kept is counted by itself: a crowd of receivers that do not answer does not cost the
 * others their connections. */
static void
test_many_busy_evict_none(void **state)
{
	struct fixture *f = *state;
	struct client_options o;
	struct result x[8], again;
	client_options_default(&o);
	o.connections_max = 2;
	client_set(f, &o);
	receiver_set(
	    f, receiver_new(f->loop, "127.0.0.1", NULL, keep_first, NULL), "http", "receiver.test");
	start(f, DEADLINE_MS, &x[0]);
	for (size_t i = 1; i < ARRAY_LEN(x); i++)
		start(f, DEADLINE_MS, &x[i]);
	UNTIL(f, x[0].calls && receiver_counts(f->receiver).held == (int)ARRAY_LEN(x) - 1);
	start(f, DEADLINE_MS, &again);
	UNTIL(f, again.calls || receiver_counts(f->receiver).held == (int)ARRAY_LEN(x));
	assert_int_equal(again.r.status, 200);
	assert_int_equal(receiver_counts(f->receiver).accepted, ARRAY_LEN(x));
	receiver_release(f->receiver, &ok);
	UNTIL(f, client_in_flight(f->client) == 0);
}

/* Without descriptors for a new connection the oldest kept one gives its own. */
static void
test_no_more_descriptors(void **state)
{
	struct fixture *f = *state;
	struct receiver *other =
	    receiver_new(f->loop, "127.0.0.2", NULL, receiver_scripted, &f->script);
	struct result x;
	struct rlimit limit, few;
	play(f, &ok, 1);
	assert_int_equal(exchange(f, DEADLINE_MS)->r.status, 200);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	int next = dup(0); /* the lowest that is free */
	assert_true(next >= 0);
	close(next);
	few.rlim_cur = (rlim_t)next;
	start_to(f, receiver_address(other), DEADLINE_MS, &x);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	UNTIL(f, x.calls);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(x.r.transport, TRANSPORT_OK);
	receiver_free(other);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connect_fails),
		TEST(test_keep_alive),
		TEST(test_reused_connection_closes),
		TEST(test_repeats_once),
		TEST(test_idle_connection_closes),
		TEST(test_unasked_answer),
		TEST(test_blocked),
		TEST(test_policy_changes),
		TEST(test_ipv6),
		TEST(test_early_answer),
		TEST(test_tls),
		TEST(test_tls_large),
		TEST(test_tls_no_handshake),
		TEST(test_tls_sessions),
		TEST(test_tls_sessions_of_many),
		TEST(test_ca_file_missing),
		TEST(test_many),
		TEST(test_many_busy_evict_none),
		TEST(test_no_more_descriptors),
		TEST(test_abort),
		TEST(test_abort_in_callback),
		TEST(test_free_in_callback),
		TEST(test_free_under_way),
	};
	return RUN(tests);
}
