/* What the tests of the HTTP client share: a client that may reach loopback, a scripted receiver on
 * the same loop, and exchanges between them whose responses outlive their callbacks. */
#pragma once

#include "base/clock.h"

#include "../support/receiver.h"
#include "../unit/unit.h"
#include "http/client.h"

#define DEADLINE_MS 20000 /* of exchanges that are expected to end by themselves */
#define SHORT_MS    150   /* of those that are expected to run into it */
#define WAIT_MAX    (60 * USEC_PER_SEC)

#define OK_HEAD     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
#define OK          OK_HEAD "\r\nok"
#define CHUNKED     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

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

extern const struct receiver_play ok; /* OK, and the connection stays open */

/* cmocka's fixtures: *state is a struct fixture. */
int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Runs the tests of a program: SIGPIPE ignored, as many open files as there may be. */
#define RUN(tests) (process_prepare(), cmocka_run_group_tests(tests, NULL, NULL))
void process_prepare(void);

void policy_set(struct address_policy *p, const char *text);
struct client_target *target_for(const char *scheme, const char *host, int port);
/* Replace the fixture's. */
void client_set(struct fixture *f, const struct client_options *o);
void receiver_set(struct fixture *f, struct receiver *r, const char *scheme, const char *host);
/* The receiver's plays from now on; borrowed. */
void play(struct fixture *f, const struct receiver_play *plays, int n);

/* A client_fn: copies the response to the struct result in arg. */
void on_response(void *arg, const struct client_response *r);
/* Starts an exchange with two header lines and a small body; to the receiver, or elsewhere. */
void start(struct fixture *f, int64_t timeout_ms, struct result *x);
void start_to(
    struct fixture *f, const struct sockaddr_storage *to, int64_t timeout_ms, struct result *x);
/* A whole exchange. The result is valid until the next one. */
const struct result *exchange(struct fixture *f, int64_t timeout_ms);
