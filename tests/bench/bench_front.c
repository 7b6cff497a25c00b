/* The front with a null handler: what a request costs before anything is done with it.
 *
 *	bench_front 8099 10 &
 *	wrk -t1 -c64 -d8 -s tests/bench/post_event.lua http://127.0.0.1:8099/api/v1/app/a/msg
 *
 * Serves for the given seconds, then prints the requests and the CPU time of each. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "http/server.h"

static int64_t requests;

static void
handle(void *ctx, struct http_request *rq)
{
	(void)ctx;
	requests++;
	http_reply(rq, 202, "application/json", STR("{\"id\":\"msg_0000000000000\"}"), "");
}

static void
on_end(void *arg)
{
	loop_stop(arg);
}

static double
us_per_request(struct timeval t)
{
	return ((double)t.tv_sec * 1e6 + (double)t.tv_usec) / (double)(requests ? requests : 1);
}

int
main(int argc, char **argv)
{
	char address[32];
	int64_t port, seconds;
	int fd, bound;
	struct err e;
	if (argc != 3 || str_to_i64(str_of(argv[1]), 1, 65535, &port) ||
	    str_to_i64(str_of(argv[2]), 1, 3600, &seconds)) {
		fprintf(stderr, "usage: %s PORT SECONDS\n", argv[0]);
		return 64;
	}
	snprintf(address, sizeof(address), "127.0.0.1:%d", (int)port);
	if (http_listen(address, &fd, &bound, &e)) {
		fprintf(stderr, "%s\n", e.text);
		return 74;
	}
	struct http_limits limits;
	http_limits_default(&limits);
	struct loop *l = loop_new();
	struct http_server *s = http_server_new(l, fd, &limits, handle, NULL);
	struct timer end;
	timer_init(&end, l, on_end, l);
	timer_set(&end, seconds * USEC_PER_SEC);
	loop_run(l);

	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	printf("requests %lld, CPU a request %.2f us user + %.2f us system, resident %ld KiB\n",
	    (long long)requests, us_per_request(u.ru_utime), us_per_request(u.ru_stime),
	    u.ru_maxrss);
	timer_done(&end);
	http_server_free(s);
	close(fd);
	loop_free(l);
	return 0;
}
