/* demo-receiver: the subscriber of `deploy/quickstart --demo`. Prints its URL, then serves until it
 * is told to stop.
 *
 *     /well         every event is taken
 *     /recovering   the first two requests fail, the others are taken
 *     /broken       every request fails, until someone POSTs to /repair
 *     GET /seen     one line for each request so far: path, status, webhook-id, signature verdict
 *
 * The argument is the endpoints' secret: signatures are verified as a subscriber would. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/str.h"

#include "http/server.h"
#include "loop/loop.h"
#include "policy/sign.h"

#define SEEN_MAX (1 << 20) /* bytes of /seen; later requests are answered and not remembered */

struct receiver {
	struct loop *loop;
	struct sign_key *key;
	struct buf seen;
	int recovering; /* requests to /recovering so far */
	bool repaired;
};

static const char *
signature_verdict(const struct receiver *r, const struct http_request *rq)
{
	struct str id = http_header_get(rq, "webhook-id");
	struct str given = http_header_get(rq, "webhook-signature");
	char wanted[SIGN_HEADER_SIZE];
	int64_t timestamp;

	if (str_to_i64(http_header_get(rq, "webhook-timestamp"), 0, INT64_MAX, &timestamp))
		return "unsigned";
	size_t n = sign_header(&r->key, 1, id, timestamp, rq->body, wanted);
	return str_eq(given, (struct str){ wanted, n }) ? "signed" : "forged";
}

static int
judge(struct receiver *r, struct str path)
{
	if (str_eq(path, STR("/well")))
		return 200;
	if (str_eq(path, STR("/recovering")))
		return ++r->recovering <= 2 ? 500 : 200;
	if (str_eq(path, STR("/broken")))
		return r->repaired ? 200 : 500;
	return 404;
}

static void
on_request(void *ctx, struct http_request *rq)
{
	struct receiver *r = ctx;

	if (str_eq(rq->path, STR("/seen"))) {
		http_reply(rq, 200, "text/plain", (struct str){ r->seen.data, r->seen.len }, "");
		return;
	}
	if (str_eq(rq->path, STR("/repair"))) {
		r->repaired = true;
		http_reply(rq, 204, NULL, STR(""), "");
		return;
	}
	int status = judge(r, rq->path);
	struct str id = http_header_get(rq, "webhook-id");
	buf_addf(&r->seen, "%.*s %d %.*s %s\n", STR_FMT(rq->path), status, STR_FMT(id),
	    signature_verdict(r, rq));
	http_reply(rq, status, "text/plain", STR("noted\n"), "");
}

static void
on_stop(UNUSED int signum, void *arg)
{
	loop_stop(arg);
}

static int
serve(struct receiver *r, struct err *e)
{
	struct http_limits limits;
	int fd, port;

	http_limits_default(&limits);
	if (http_listen("127.0.0.1:0", &fd, &port, e))
		return -1;
	struct http_server *server = http_server_new(r->loop, fd, &limits, on_request, r);
	printf("http://127.0.0.1:%d\n", port);
	fflush(stdout);
	loop_run(r->loop);
	http_server_free(server);
	close(fd);
	return 0;
}

int
main(int argc, char **argv)
{
	struct sign_secret secret;
	struct err e;

	if (argc != 2 || sign_key_parse(str_of(argv[1]), &secret, &e)) {
		fprintf(stderr, "usage: demo-receiver whsec_…\n");
		return 64;
	}
	struct receiver r = { .loop = loop_new(), .key = sign_key_new(&secret) };
	buf_init(&r.seen, SEEN_MAX);
	loop_signal(r.loop, SIGTERM, on_stop, r.loop);
	loop_signal(r.loop, SIGINT, on_stop, r.loop);
	int status = 0;
	if (serve(&r, &e)) {
		fprintf(stderr, "demo-receiver: %s\n", e.text);
		status = err_exit_code(e.kind);
	}
	buf_free(&r.seen);
	sign_key_free(r.key);
	loop_free(r.loop);
	return status;
}
