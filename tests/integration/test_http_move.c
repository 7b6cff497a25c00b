/* Connections that move between servers: a front gives them to a second server with a loop of its
 * own, as another process would have it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/metric.h"

#include "../support/front.h"
#include "../unit/unit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

struct pair {
	struct front f;
	struct loop *loop; /* the taker's */
	struct http_server *taker;
	int nowhere; /* a listening socket that nobody knows */
	bool wants;
	int asked, given;
	struct http_stay stay; /* of the last question */
	ino_t inode;           /* of the last one given */
	int there;             /* requests handled by the taker */
};

static struct pair p;

static void
handle_there(void *ctx, struct http_request *rq)
{
	(void)ctx;
	p.there++;
	http_reply(rq, 200, "text/plain", rq->body.n ? rq->body : STR("there"), "");
}

static bool
on_move(void *arg, int fd, const struct http_stay *stay)
{
	struct stat st;
	(void)arg;
	p.asked++;
	p.stay = *stay;
	if (!p.wants)
		return false;
	assert_int_equal(fstat(fd, &st), 0);
	p.inode = st.st_ino;
	p.given++;
	/* The file as another process would have it, under a descriptor of its own. */
	http_server_adopt(p.taker, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	return true;
}

static int
setup(void **state)
{
	struct http_limits limits;
	struct err e;
	int port;
	(void)state;
	http_limits_default(&limits);
	memset(&p, 0, sizeof(p));
	p.wants = true;
	front_start(&p.f, &limits);
	http_server_on_move(p.f.server, on_move, NULL);
	p.loop = loop_new();
	if (http_listen("127.0.0.1:0", &p.nowhere, &port, &e))
		return -1;
	p.taker = http_server_new(p.loop, p.nowhere, &limits, handle_there, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	front_stop(&p.f);
	http_server_free(p.taker);
	loop_free(p.loop);
	close(p.nowhere);
	return 0;
}

/* Turns both until it holds. */
#define WAIT_BOTH(condition) WAIT_FOR(&p.f, (loop_turn(p.loop, 0), condition))

static void
test_request_goes_along(void **state)
{
	(void)state;
	struct peer *c = peer_open(&p.f);
	peer_sends(&p.f, c, GET("/target"));
	WAIT_BOTH(peer_has(c, "there"));
	assert_int_equal(p.f.handled, 0);
	assert_int_equal(p.there, 1);
	assert_int_equal(http_server_connections(p.f.server), 0);
	assert_int_equal(http_server_connections(p.taker), 1);
	assert_int_equal(metric_own(METRIC_HTTP_CONNECTIONS), 1);
	peer_sends(&p.f, c, GET("/target"));
	WAIT_BOTH(peer_answers(c) == 2);
	assert_int_equal(p.given, 1);
}

/* Each request of a sequence is answered once, whoever has the connection. */
static void
test_between_requests(void **state)
{
	(void)state;
	struct peer *c = peer_open(&p.f);
	p.wants = false;
	for (int i = 1; i <= 3; i++) {
		peer_sends(&p.f, c, GET("/target"));
		WAIT_BOTH(peer_answers(c) == i);
	}
	assert_int_equal(p.asked, 6); /* before and after each */
	assert_int_equal(p.f.handled, 3);
	p.wants = true;
	peer_sends(&p.f, c, GET("/target"));
	WAIT_BOTH(peer_answers(c) == 4);
	assert_int_equal(p.f.handled, 3);
	assert_int_equal(p.there, 1);
}

/* What has been read of a request keeps the connection; nobody even asks. */
static void
test_begun_requests_stay(void **state)
{
	(void)state;
	struct peer *c = peer_open(&p.f);
	p.wants = false;
	peer_sends(&p.f, c, "POST /echo HTTP/1.1\r\nHo");
	WAIT_BOTH(p.asked == 1);
	p.wants = true;
	peer_sends(&p.f, c, "st: a\r\nContent-Length: 4\r\n\r\nsl");
	for (int i = 0; i < 5; i++)
		front_turn(&p.f);
	assert_int_equal(p.asked, 1);
	peer_sends(&p.f, c, "ow");
	WAIT_BOTH(peer_has(c, "slow"));
	assert_int_equal(p.f.handled, 1);
}

/* Requests that were read together are answered here; what the socket still holds after them moves.
 */
static void
test_pipelined(void **state)
{
	(void)state;
	struct peer *c = peer_open(&p.f);
	p.wants = false;
	peer_sends(&p.f, c, GET("/hold") GET("/target?1") GET("/target?2"));
	WAIT_BOTH(p.f.nheld == 1);
	p.wants = true;
	peer_sends(&p.f, c, GET("/target?3") GET("/target?4"));
	front_release(&p.f);
	WAIT_BOTH(peer_answers(c) == 5);
	assert_int_equal(p.f.handled, 3);
	assert_int_equal(p.there, 2);
	const char *first = strstr(c->in.data, "?1"), *second = strstr(c->in.data, "?2");
	assert_true(first && second && first < second);
	assert_true(second < strstr(c->in.data, "there"));
}

/* As soon as it is answered: the next request arrives there. */
static void
test_after_the_answer(void **state)
{
	(void)state;
	struct peer *c = peer_open(&p.f);
	p.wants = false;
	peer_sends(&p.f, c, GET("/hold"));
	WAIT_BOTH(p.f.nheld == 1);
	p.wants = true;
	front_release(&p.f);
	WAIT_BOTH(http_server_connections(p.taker) == 1);
	assert_int_equal(http_server_connections(p.f.server), 0);
	peer_sends(&p.f, c, GET("/"));
	WAIT_BOTH(peer_has(c, "there"));
	assert_int_equal(peer_answers(c), 2);
}

/* A connection that has ended ends there too. */
static void
test_ended(void **state)
{
	(void)state;
	struct peer *c = peer_open(&p.f);
	WAIT_BOTH(http_server_connections(p.f.server) == 1);
	peer_close(c);
	WAIT_BOTH(p.given == 1 && http_server_connections(p.taker) == 0);
	assert_int_equal(metric_own(METRIC_HTTP_CONNECTIONS), 0);
}

/* How often this process's epolls watch the file (proc(5), fdinfo). */
static int
watched(ino_t inode)
{
	char path[300], line[256], wanted[64];
	int n = 0;
	snprintf(wanted, sizeof(wanted), " ino:%lx ", (unsigned long)inode);
	DIR *dir = opendir("/proc/self/fdinfo");
	assert_non_null(dir);
	for (const struct dirent *d; (d = readdir(dir));) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", d->d_name);
		FILE *f = d->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			n += strncmp(line, "tfd:", 4) == 0 && strstr(line, wanted);
		if (f)
			fclose(f);
	}
	closedir(dir);
	return n;
}

/* The giver's epoll hears nothing more of it: else it would spin for as long as the taker lets
 * something lie in the socket. */
static void
test_forgotten(void **state)
{
	(void)state;
	struct peer *c = peer_open(&p.f);
	p.wants = false;
	peer_sends(&p.f, c, GET("/target"));
	WAIT_BOTH(peer_answers(c) == 1);
	p.wants = true;
	peer_sends(&p.f, c, GET("/target"));
	WAIT_BOTH(peer_answers(c) == 2);
	assert_int_equal(p.there, 1);
	assert_int_equal(watched(p.inode), 1);
}

/* With this server, and what it does of its work. */
static void
test_stay(void **state)
{
	(void)state;
	struct peer *heavy = peer_open(&p.f), *light = peer_open(&p.f);
	char body[8000];
	struct buf request;
	p.wants = false;
	memset(body, 'x', sizeof(body));
	buf_init(&request, 16000);
	buf_addf(
	    &request, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", sizeof(body));
	buf_add(&request, body, sizeof(body));
	for (int i = 1; i <= 5; i++) {
		peer_send(&p.f, heavy, (struct str){ request.data, request.len });
		WAIT_BOTH(peer_answers(heavy) == i);
		peer_sends(&p.f, light, GET("/"));
		WAIT_BOTH(peer_answers(light) == i);
	}
	buf_free(&request);
	assert_true(p.stay.share > 0.01 && p.stay.share < 0.2);
	assert_true(p.stay.length >= 0);
	peer_sends(&p.f, heavy, GET("/"));
	WAIT_BOTH(peer_answers(heavy) == 6);
	assert_true(p.stay.share > 0.8 && p.stay.share < 1);
}

/* A stop: the idle ones move at once, the one in the middle of a request is answered and closed. */
static void
test_move_idle(void **state)
{
	(void)state;
	struct peer *idle = peer_open(&p.f), *used = peer_open(&p.f), *held = peer_open(&p.f);
	p.wants = false;
	peer_sends(&p.f, used, GET("/"));
	peer_sends(&p.f, held, GET("/hold"));
	WAIT_BOTH(peer_answers(used) == 1 && p.f.nheld == 1);
	p.wants = true;
	http_server_move_idle(p.f.server);
	http_server_drain(p.f.server);
	WAIT_BOTH(http_server_connections(p.taker) == 2);
	front_release(&p.f);
	WAIT_BOTH(held->ended);
	assert_true(peer_has(held, "Connection: close"));
	peer_sends(&p.f, idle, GET("/"));
	peer_sends(&p.f, used, GET("/"));
	WAIT_BOTH(peer_has(idle, "there") && peer_has(used, "there"));
}

/* Nobody takes them: closed, but for the request that has arrived. */
static void
test_stop_alone(void **state)
{
	(void)state;
	struct peer *idle = peer_open(&p.f), *late = peer_open(&p.f);
	p.wants = false;
	WAIT_BOTH(http_server_connections(p.f.server) == 2);
	peer_sends(&p.f, late, GET("/target"));
	http_server_move_idle(p.f.server);
	http_server_drain(p.f.server);
	WAIT_BOTH(idle->ended && late->ended);
	assert_int_equal(idle->in.len, 0);
	assert_true(peer_has(late, "GET /target"));
}

/* A server that drains already gets one: only what has arrived is served. */
static void
test_adopt_while_draining(void **state)
{
	(void)state;
	struct peer *idle = peer_open(&p.f), *late = peer_open(&p.f);
	WAIT_BOTH(http_server_connections(p.f.server) == 2);
	http_server_drain(p.taker);
	peer_sends(&p.f, late, GET("/"));
	WAIT_BOTH(p.given == 1);
	http_server_move_idle(p.f.server);
	WAIT_BOTH(idle->ended && late->ended);
	assert_int_equal(idle->in.len, 0);
	assert_true(peer_has(late, "there") && peer_has(late, "Connection: close"));
}

/* The server goes before its loop has forgotten the connection; the taker has it all the same. */
static void
test_freed_while_leaving(void **state)
{
	(void)state;
	struct peer *c = peer_open(&p.f);
	WAIT_BOTH(http_server_connections(p.f.server) == 1);
	http_server_move_idle(p.f.server);
	http_server_free(p.f.server);
	p.f.server = NULL;
	peer_sends(&p.f, c, GET("/"));
	WAIT_BOTH(peer_has(c, "there"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_request_goes_along, setup, teardown),
		cmocka_unit_test_setup_teardown(test_between_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_begun_requests_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipelined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_the_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adopt_while_draining, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed_while_leaving, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
