/* The HTTP client alone: signed requests to a receiver (posthorn-bench --receive-only, which says
 * on stderr what --url, --secret and --run have to be).
 *
 *	bench_client --mode wrapper|bare --url URL --secret KEY --run NAME [--ca-file FILE]
 *
 * wrapper: lib/http/client. bare: libcurl's multi handle on the loop with what makes it fast
 * (bare.h) and nothing else, which shows what the wrapper's deadlines, bounds and address policy
 * cost. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "bare.h"
#include "http/client.h"
#include "policy/url.h"
#include "post.h"

#define TIMEOUT_MS 10000

struct wrapper {
	struct part *part;
	struct poster *poster;
	struct address_policy policy;
	struct client *client;
	struct client_target *target;
	struct sockaddr_storage to;
};

struct flight {
	struct wrapper *wrapper;
	struct post post;
};

static void on_response(void *arg, const struct client_response *r);

static void
go_on(struct flight *f)
{
	struct wrapper *w = f->wrapper;
	int64_t number;
	if (!part_next(w->part, &number))
		return;
	post_write(&f->post, w->poster, number, loop_wall(w->part->loop));
	const struct client_request rq = {
		.target = w->target,
		.to = &w->to,
		.headers = f->post.header,
		.nheaders = POST_HEADERS,
		.body = { f->post.body, w->poster->payload.n },
		.timeout_ms = TIMEOUT_MS,
	};
	client_start(w->client, &rq, on_response, f);
}

static void
on_response(void *arg, const struct client_response *r)
{
	struct flight *f = arg;
	part_count(f->wrapper->part, r->transport == TRANSPORT_OK && r->status == 200);
	go_on(f);
}

/* The URL's host is an address of loopback. */
static void
find_address(struct wrapper *w, const char *text)
{
	const struct url_policy any = { .internal_names = true };
	struct url url;
	struct err e;
	struct sockaddr_in *to = (void *)&w->to;
	if (url_parse(str_of(text), &any, &url, &e))
		part_die("--url", e.text);
	to->sin_family = AF_INET;
	to->sin_port = htons((uint16_t)url.port);
	if (inet_pton(AF_INET, url.host, &to->sin_addr) != 1)
		part_die("--url", "its host is no IPv4 address");
}

static void
run_wrapper(struct part *p, struct poster *poster)
{
	const struct part_options *o = p->options;
	struct wrapper w = { .part = p, .poster = poster };
	struct client_options options;
	struct err e;
	client_options_default(&options);
	options.ca_file = o->ca_file;
	find_address(&w, o->url);
	if (address_policy_parse(STR("127.0.0.0/8"), &w.policy, &e) ||
	    !(w.client = client_new(p->loop, &w.policy, &options, &e)) ||
	    !(w.target = client_target_new(o->url, &e)))
		part_die("client", e.text);
	struct flight *flights = mem_zalloc(sizeof(*flights) * (size_t)o->parallel);
	for (int i = 0; i < o->parallel; i++) {
		flights[i].wrapper = &w;
		post_init(&flights[i].post, poster);
		go_on(&flights[i]);
	}
	part_run(p);
	client_free(w.client);
	client_target_free(w.target);
	for (int i = 0; i < o->parallel; i++)
		post_done(&flights[i].post);
	free(flights);
}

int
main(int argc, char **argv)
{
	struct part_options o;
	struct poster poster;
	struct part part;
	if (part_options_read(&o, argc, argv))
		return 64;
	bool bare = o.mode && strcmp(o.mode, "bare") == 0;
	signal(SIGPIPE, SIG_IGN);
	part_require("--url", o.url);
	poster_init(&poster, &o);
	struct loop *l = loop_new();
	part_init(&part, l, &o);
	if (bare)
		bare_run(&part, &poster);
	else
		run_wrapper(&part, &poster);
	int status = part_report(&part, bare ? "bare" : "wrapper");
	part_done(&part);
	loop_free(l);
	poster_done(&poster);
	return status;
}
