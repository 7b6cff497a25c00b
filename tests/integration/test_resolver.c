/* The resolver against a name server on the same loop. The policy is the default one: public
 * addresses are allowed, internal ones refused. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "../support/name_server.h"
#include "../support/receiver.h"
#include "../unit/unit.h"
#include "http/client.h"
#include "http/resolver.h"

#define WAIT_MAX (60 * USEC_PER_SEC)
#define LONG     (20 * USEC_PER_SEC) /* timeout of lookups that are expected to be answered */
#define SHORT    (300 * USEC_PER_MS) /* of those that are not */

struct fixture {
	struct loop *loop;
	struct address_policy policy;
	struct name_server *server;
	struct resolver *resolver;
};

/* An answer that outlives its callback. */
struct result {
	int calls;
	struct resolver_answer a;
	struct resolver_query *query;
	struct fixture *fixture; /* of callbacks that do more */
};

static void
policy_set(struct address_policy *p, const char *text)
{
	struct err e;
	if (address_policy_parse(str_of(text), p, &e))
		fail_msg("%s", e.text);
}

static void
resolver_set(struct fixture *f, usec_t timeout)
{
	struct err e;
	resolver_free(f->resolver);
	f->resolver =
	    resolver_new(f->loop, &f->policy, name_server_address(f->server), timeout, &e);
	if (!f->resolver)
		fail_msg("%s", e.text);
}

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	f->loop = loop_new();
	f->server = name_server_new(f->loop);
	policy_set(&f->policy, "");
	resolver_set(f, LONG);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	resolver_free(f->resolver);
	name_server_free(f->server);
	loop_free(f->loop);
	free(f);
	return 0;
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
on_answer(void *arg, const struct resolver_answer *a)
{
	struct result *x = arg;
	x->calls++;
	x->a = *a;
	x->query = NULL;
}

static void
start(struct fixture *f, const char *host, struct result *x)
{
	memset(x, 0, sizeof(*x));
	x->fixture = f;
	x->query = resolver_lookup(f->resolver, host, on_answer, x);
	assert_int_equal(x->calls, 0); /* never from inside resolver_lookup */
}

static const struct resolver_answer *
look_up(struct fixture *f, const char *host)
{
	static struct result x;
	start(f, host, &x);
	UNTIL(f, x.calls);
	assert_int_equal(x.calls, 1);
	return &x.a;
}

/* "1.1.1.1 2606:4700::1" */
static const char *
addresses(const struct resolver_answer *a)
{
	static char text[RESOLVER_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 1)];
	size_t len = 0;
	text[0] = '\0';
	for (int i = 0; i < a->n; i++) {
		char one[INET6_ADDRSTRLEN];
		const struct sockaddr_in *sin = (const void *)&a->address[i];
		const struct sockaddr_in6 *sin6 = (const void *)&a->address[i];
		bool v4 = a->address[i].ss_family == AF_INET;
		assert_int_equal(sin->sin_port, 0);
		inet_ntop(a->address[i].ss_family,
		    v4 ? (const void *)&sin->sin_addr : (const void *)&sin6->sin6_addr, one,
		    sizeof(one));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", one);
	}
	return text;
}

static const struct name_record zone[] = {
	{ "four.test.example", NAME_A, 60, "1.1.1.1" },
	{ "six.test.example", NAME_AAAA, 60, "2606:4700:4700::1111" },
	{ "both.test.example", NAME_AAAA, 60, "2606:4700:4700::1111" },
	{ "both.test.example", NAME_A, 60, "1.1.1.1" },
	{ "both.test.example", NAME_A, 60, "8.8.8.8" },
	{ "alias.test.example", NAME_CNAME, 60, "alias2.test.example" },
	{ "alias2.test.example", NAME_CNAME, 60, "four.test.example" },
	{ "dangling.test.example", NAME_CNAME, 60, "nowhere.test.example" },
	{ "broken.test.example", NAME_SERVFAIL, 0, NULL },
	{ "silent.test.example", NAME_SILENT, 0, NULL },
	{ "half.test.example", NAME_A, 60, "1.1.1.1" },
	{ "half.test.example", NAME_SILENT_AAAA, 0, NULL },
	/* Internal, and mixed. */
	{ "private.test.example", NAME_A, 60, "10.0.0.1" },
	{ "metadata.test.example", NAME_A, 60, "169.254.169.254" },
	{ "loop6.test.example", NAME_AAAA, 60, "::1" },
	{ "mapped.test.example", NAME_AAAA, 60, "::ffff:10.0.0.1" },
	{ "mixed.test.example", NAME_A, 60, "1.1.1.1" },
	{ "mixed.test.example", NAME_A, 60, "127.0.0.1" },
	{ "mixed4.test.example", NAME_A, 60, "10.0.0.1" },
	{ "mixed4.test.example", NAME_AAAA, 60, "2606:4700:4700::1111" },
	{ "mixed6.test.example", NAME_A, 60, "1.1.1.1" },
	{ "mixed6.test.example", NAME_AAAA, 60, "fd00::1" },
	{ "toprivate.test.example", NAME_CNAME, 60, "private.test.example" },
};

static void
test_answers(void **state)
{
	static const struct {
		const char *name;
		enum resolved result;
		const char *text; /* addresses, or the detail */
	} cases[] = {
		{ "four.test.example", RESOLVED_OK, "1.1.1.1" },
		{ "FOUR.Test.Example.", RESOLVED_OK, "1.1.1.1" },
		{ "six.test.example", RESOLVED_OK, "2606:4700:4700::1111" },
		{ "both.test.example", RESOLVED_OK, "1.1.1.1 8.8.8.8 2606:4700:4700::1111" },
		{ "alias.test.example", RESOLVED_OK, "1.1.1.1" },
		{ "half.test.example", RESOLVED_OK, "1.1.1.1" },
		{ "nowhere.test.example", RESOLVED_FAILED, "no such name" },
		{ "dangling.test.example", RESOLVED_FAILED, "the name has no address" },
		{ "broken.test.example", RESOLVED_FAILED, "the name servers failed" },
		{ "private.test.example", RESOLVED_BLOCKED, "address not allowed" },
		{ "metadata.test.example", RESOLVED_BLOCKED, "address not allowed" },
		{ "loop6.test.example", RESOLVED_BLOCKED, "address not allowed" },
		{ "mapped.test.example", RESOLVED_BLOCKED, "address not allowed" },
		{ "mixed.test.example", RESOLVED_BLOCKED, "address not allowed" },
		{ "mixed4.test.example", RESOLVED_OK, "2606:4700:4700::1111" },
		{ "mixed6.test.example", RESOLVED_OK, "1.1.1.1" },
		{ "toprivate.test.example", RESOLVED_BLOCKED, "address not allowed" },
	};
	struct fixture *f = *state;
	name_server_set(f->server, zone, ARRAY_LEN(zone));
	for (int round = 0; round < 2; round++) { /* the second time from the cache */
		int asked = name_server_questions(f->server, NAME_A);
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			const struct resolver_answer *a = look_up(f, cases[i].name);
			const char *text = a->result == RESOLVED_OK ? addresses(a) : a->detail;
			if (a->result != cases[i].result || strcmp(text, cases[i].text))
				fail_msg("%s: %d %s", cases[i].name, a->result, text);
			assert_true((a->result == RESOLVED_OK) == (a->n > 0));
			a = resolver_cached(f->resolver, cases[i].name);
			assert_non_null(a);
			assert_int_equal(a->result, cases[i].result);
		}
		if (round)
			assert_int_equal(name_server_questions(f->server, NAME_A), asked);
	}
}

/* A server that never answers for AAAA does not cost the answer for A its time. */
static void
test_half_silent(void **state)
{
	struct fixture *f = *state;
	name_server_set(f->server, zone, ARRAY_LEN(zone));
	usec_t before = clock_mono();
	assert_string_equal(addresses(look_up(f, "half.test.example")), "1.1.1.1");
	assert_true(clock_mono() - before < LONG / 2);
}

/* Answered at once, without questions, by the policy. */
static void
test_literals(void **state)
{
	static const struct {
		const char *policy, *host;
		enum resolved result;
		const char *text;
	} cases[] = {
		{ "", "1.1.1.1", RESOLVED_OK, "1.1.1.1" },
		{ "", "2606:4700:4700::1111", RESOLVED_OK, "2606:4700:4700::1111" },
		{ "", "127.0.0.1", RESOLVED_BLOCKED, "" },
		{ "", "::1", RESOLVED_BLOCKED, "" },
		{ "", "::ffff:127.0.0.1", RESOLVED_BLOCKED, "" },
		{ "", "localhost", RESOLVED_BLOCKED, "" },
		{ "", "LOCALHOST.", RESOLVED_BLOCKED, "" },
		{ "", "a.b.localhost", RESOLVED_BLOCKED, "" },
		{ "127.0.0.1", "localhost", RESOLVED_OK, "127.0.0.1" },
		{ "127.0.0.1", "hooks.localhost", RESOLVED_OK, "127.0.0.1" },
		{ "", "", RESOLVED_FAILED, "" },
		{ "", ".", RESOLVED_FAILED, "" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		policy_set(&f->policy, cases[i].policy);
		resolver_forget_all(f->resolver);
		const struct resolver_answer *a = resolver_cached(f->resolver, cases[i].host);
		assert_non_null(a);
		if (a->result != cases[i].result || strcmp(addresses(a), cases[i].text))
			fail_msg("%s: %d %s", cases[i].host, a->result, addresses(a));
		assert_int_equal(look_up(f, cases[i].host)->result, cases[i].result);
	}
	char longest[300];
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(look_up(f, longest)->result, RESOLVED_FAILED);
	assert_int_equal(name_server_questions(f->server, NAME_A), 0);
	assert_null(resolver_cached(f->resolver, "notlocalhost"));
}

/* A hundred addresses, by TCP: all are judged, sixteen are kept. */
static void
test_many_addresses(void **state)
{
	struct fixture *f = *state;
	static char text[100][16];
	struct name_record records[100];
	for (int i = 0; i < 100; i++) {
		snprintf(text[i], sizeof(text[i]), "1.1.1.%d", i);
		records[i] = (struct name_record){ "many.test.example", NAME_A, 60, text[i] };
	}
	name_server_set(f->server, records, 100);
	const struct resolver_answer *a = look_up(f, "many.test.example");
	assert_int_equal(a->result, RESOLVED_OK);
	assert_int_equal(a->n, RESOLVER_ADDRESSES_MAX);
	resolver_forget(f->resolver, "Many.test.example");
	assert_null(resolver_cached(f->resolver, "many.test.example"));
	records[99].data = "10.0.0.1";
	assert_int_equal(look_up(f, "many.test.example")->result, RESOLVED_BLOCKED);
}

/* A TTL of 0 counts for a second; then the name is asked for again, and judged again. */
static void
test_rebinding(void **state)
{
	static const struct name_record before[] = { { "flip.test.example", NAME_A, 0,
	    "1.1.1.1" } };
	static const struct name_record after[] = { { "flip.test.example", NAME_A, 0,
	    "127.0.0.1" } };
	struct fixture *f = *state;
	name_server_set(f->server, before, 1);
	assert_int_equal(look_up(f, "flip.test.example")->result, RESOLVED_OK);
	name_server_set(f->server, after, 1);
	assert_int_equal(look_up(f, "flip.test.example")->result, RESOLVED_OK); /* cached */
	UNTIL(f, !resolver_cached(f->resolver, "flip.test.example"));
	assert_int_equal(look_up(f, "flip.test.example")->result, RESOLVED_BLOCKED);
}

/* Who waited for it longer than it counts has it for the next time. */
static void
test_a_name_is_kept(void **state)
{
	static const struct name_record brief[] = { { "kept.test.example", NAME_A, 0, "1.1.1.1" } };
	struct fixture *f = *state;
	name_server_set(f->server, brief, 1);
	assert_int_equal(look_up(f, "kept.test.example")->result, RESOLVED_OK);
	resolver_keep(f->resolver, "Kept.test.example");
	usec_t end = loop_now(f->loop) + 3 * USEC_PER_SEC / 2;
	UNTIL(f, loop_now(f->loop) > end);
	assert_string_equal(
	    addresses(resolver_cached(f->resolver, "kept.test.example")), "1.1.1.1");
	resolver_keep(f->resolver, "four.test.example"); /* never asked for */
	assert_null(resolver_cached(f->resolver, "four.test.example"));
}

static void
test_policy_changes(void **state)
{
	struct fixture *f = *state;
	name_server_set(f->server, zone, ARRAY_LEN(zone));
	assert_int_equal(look_up(f, "private.test.example")->result, RESOLVED_BLOCKED);
	policy_set(&f->policy, "10.0.0.0/8");
	resolver_forget_all(f->resolver);
	assert_string_equal(addresses(look_up(f, "private.test.example")), "10.0.0.1");
}

/* Many who ask for one name at the same time cost one question a family. */
static void
test_shared(void **state)
{
	struct fixture *f = *state;
	static struct result x[50];
	name_server_set(f->server, zone, ARRAY_LEN(zone));
	for (size_t i = 0; i < ARRAY_LEN(x); i++)
		start(f, i % 2 ? "four.test.example" : "Four.test.example.", &x[i]);
	UNTIL(f, x[49].calls);
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		assert_int_equal(x[i].calls, 1);
		assert_string_equal(addresses(&x[i].a), "1.1.1.1");
	}
	assert_int_equal(name_server_questions(f->server, NAME_A), 1);
	assert_int_equal(name_server_questions(f->server, NAME_AAAA), 1);
}

static void
test_cancel(void **state)
{
	struct fixture *f = *state;
	struct result x[3], known;
	name_server_set(f->server, zone, ARRAY_LEN(zone));
	for (size_t i = 0; i < ARRAY_LEN(x); i++)
		start(f, "four.test.example", &x[i]);
	resolver_cancel(x[1].query);
	UNTIL(f, x[0].calls && x[2].calls);
	assert_int_equal(x[1].calls, 0);
	start(f, "four.test.example", &known);
	resolver_cancel(known.query);
	start(f, "silent.test.example", &x[0]);
	loop_turn(f->loop, 10);
	resolver_cancel(x[0].query);
	loop_turn(f->loop, 10);
	assert_int_equal(known.calls + x[0].calls, 0);
}

static void
on_response(void *arg, const struct client_response *r)
{
	assert_int_equal(r->status, 204);
	*(int *)arg = 1;
}

/* A name server that never answers costs its own lookups their timeout and nothing else: others are
 * answered meanwhile, exchanges go on, no turn of the loop takes long. */
static void
test_hanging_name_server(void **state)
{
	static const struct receiver_play ok = { .bytes = { "HTTP/1.1 204 No\r\n\r\n", 19 } };
	struct fixture *f = *state;
	struct receiver_script script = { .plays = &ok, .n = 1 };
	struct receiver *receiver =
	    receiver_new(f->loop, "127.0.0.1", NULL, receiver_scripted, &script);
	struct address_policy loopback;
	struct client_options o;
	struct err e;
	policy_set(&loopback, "127.0.0.0/8");
	client_options_default(&o);
	struct client *client = client_new(f->loop, &loopback, &o, &e);
	char url[64];
	snprintf(url, sizeof(url), "http://silent.test.example:%d/", receiver_port(receiver));
	struct client_target *target = client_target_new(url, &e);
	assert_true(client && target);

	name_server_set(f->server, zone, ARRAY_LEN(zone));
	struct result hanging;
	start(f, "silent.test.example", &hanging);
	loop_longest_turn(f->loop);
	for (int i = 0; i < 50; i++) {
		int delivered = 0;
		const struct client_request rq = {
			.target = target,
			.to = receiver_address(receiver),
			.timeout_ms = 20000,
		};
		client_start(client, &rq, on_response, &delivered);
		assert_int_equal(look_up(f, "four.test.example")->result, RESOLVED_OK);
		resolver_forget(f->resolver, "four.test.example");
		UNTIL(f, delivered);
	}
	assert_int_equal(hanging.calls, 0);
	assert_true(loop_longest_turn(f->loop) < LONG / 2);
	client_free(client);
	client_target_free(target);
	receiver_free(receiver);
}

/* The deadline of a whole lookup, and that failures are remembered. */
static void
test_timeout(void **state)
{
	struct fixture *f = *state;
	name_server_set(f->server, zone, ARRAY_LEN(zone));
	resolver_set(f, SHORT);
	const struct resolver_answer *a = look_up(f, "silent.test.example");
	assert_int_equal(a->result, RESOLVED_FAILED);
	assert_string_equal(a->detail, "no answer from the name servers");
	assert_non_null(resolver_cached(f->resolver, "silent.test.example"));
	/* A name server that is not there. */
	struct err e;
	resolver_free(f->resolver);
	f->resolver = resolver_new(f->loop, &f->policy, "127.0.0.1:1", LONG, &e);
	assert_string_equal(look_up(f, "four.test.example")->detail, "the name servers failed");
	resolver_free(f->resolver);
	f->resolver = resolver_new(f->loop, &f->policy, "not an address", LONG, &e);
	assert_null(f->resolver);
	assert_int_equal(e.kind, ERR_CONFIG);
}

/* More at once than there is room for: the rest fails at once, and none hangs. */
static void
test_too_many(void **state)
{
	struct fixture *f = *state;
	enum {
		N = 4200
	};
	struct result *x = mem_zalloc(N * sizeof(*x));
	struct name_record silent[1] = { { "silent.test.example", NAME_SILENT, 0, NULL } };
	int refused = 0;
	name_server_set(f->server, silent, 1);
	start(f, "silent.test.example", &x[0]);
	for (int i = 1; i < N; i++) {
		char host[64];
		snprintf(host, sizeof(host), "n%d.test.example", i);
		start(f, host, &x[i]);
	}
	UNTIL(f, x[N - 1].calls);
	for (int i = 0; i < N; i++)
		refused += x[i].calls && !strcmp(x[i].a.detail, "too many lookups at once");
	assert_true(refused >= N - 4096);
	resolver_free(f->resolver); /* with what is still under way */
	f->resolver = NULL;
	assert_int_equal(x[0].calls, 0);
	free(x);
}

static void
on_free_resolver(void *arg, const struct resolver_answer *a)
{
	struct result *x = arg;
	on_answer(x, a);
	resolver_free(x->fixture->resolver);
	x->fixture->resolver = NULL;
}

/* A callback that looks up again (from the cache, so it is ready at once), then frees. */
static void
on_look_up_again(void *arg, const struct resolver_answer *a)
{
	struct result *x = arg;
	on_answer(x, a);
	resolver_fn next = x->calls < 5 ? on_look_up_again : on_free_resolver;
	resolver_lookup(x->fixture->resolver, "four.test.example", next, x);
}

static void
test_callbacks(void **state)
{
	struct fixture *f = *state;
	struct result x = { .fixture = f }, others[3];
	name_server_set(f->server, zone, ARRAY_LEN(zone));
	start(f, "silent.test.example", &others[0]);
	resolver_lookup(f->resolver, "four.test.example", on_look_up_again, &x);
	UNTIL(f, !f->resolver);
	assert_int_equal(x.calls, 6);
	assert_int_equal(others[0].calls, 0);
	loop_turn(f->loop, 10);
	resolver_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_half_silent),
		TEST(test_literals),
		TEST(test_many_addresses),
		TEST(test_rebinding),
		TEST(test_a_name_is_kept),
		TEST(test_policy_changes),
		TEST(test_shared),
		TEST(test_cancel),
		TEST(test_hanging_name_server),
		TEST(test_timeout),
		TEST(test_too_many),
		TEST(test_callbacks),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
