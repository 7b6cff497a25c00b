/* The shared fixture of the client's tests. */
#include "client_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/mem.h"

const struct receiver_play ok = { .bytes = { OK, sizeof(OK) - 1 } };

void
process_prepare(void)
{
	struct rlimit files;
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

void
policy_set(struct address_policy *p, const char *text)
{
	struct err e;
	if (address_policy_parse(str_of(text), p, &e))
		fail_msg("%s", e.text);
}

struct client_target *
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

void
client_set(struct fixture *f, const struct client_options *o)
{
	struct err e;
	client_free(f->client);
	f->client = client_new(f->loop, &f->policy, o, &e);
	if (!f->client)
		fail_msg("%s", e.text);
}

void
receiver_set(struct fixture *f, struct receiver *r, const char *scheme, const char *host)
{
	if (f->receiver)
		receiver_free(f->receiver);
	client_target_free(f->target);
	f->receiver = r;
	f->target = target_for(scheme, host, receiver_port(r));
}

int
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

int
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

void
play(struct fixture *f, const struct receiver_play *plays, int n)
{
	f->script = (struct receiver_script){ .plays = plays, .n = n };
}

void
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

void
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

void
start(struct fixture *f, int64_t timeout_ms, struct result *x)
{
	start_to(f, receiver_address(f->receiver), timeout_ms, x);
}

const struct result *
exchange(struct fixture *f, int64_t timeout_ms)
{
	static struct result x;
	start(f, timeout_ms, &x);
	UNTIL(f, x.calls);
	assert_int_equal(client_in_flight(f->client), 0);
	assert_int_equal(x.calls, 1);
	return &x;
}
