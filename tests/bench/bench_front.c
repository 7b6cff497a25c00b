/* The API's front with a store that stores nothing: what a request costs before anything is done
 * with it.
 *
 *	bench_front --mode null|api [--token-out FILE]
 *	posthorn-bench --endpoints 0 --processes bench_front --token-file FILE --url URL
 *
 * null: lib/http answers every request at once. api: events go through the product's routes,
 * tokens and parsers too, to an ingest that accepts at once (the linker replaces ingest_submit:
 * -Wl,--wrap); what else posthorn-bench asks of a server is answered as with null. Says on stderr
 * where it listens, serves until SIGTERM or for --seconds, then prints how many requests. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"

#include "api/api.h"
#include "part.h"
#include "policy/token.h"

#define ORG        "org_bench"
#define LIFETIME_S 86400

struct front {
	struct loop *loop;
	struct config config;
	struct token_key *token_key;
	struct api *api; /* NULL: mode null */
	int64_t requests;
};

/* ---- the null store ----------------------------------------------------------------------- */

/* What was accepted and is answered at the end of the turn. */
static struct {
	struct loop *loop;
	struct id_source ids;
	struct defer defer;
	struct acceptance {
		const struct ingest_event *ev;
		ingest_fn fn;
		void *arg;
	} waiting[4096]; /* one for each connection */
	size_t n;
} store;

/* The name is the linker's: calls of ingest_submit come here. */
void __wrap_ingest_submit(
    struct ingest *in, const struct ingest_event *ev, ingest_fn fn, void *arg);

void
__wrap_ingest_submit(struct ingest *in, const struct ingest_event *ev, ingest_fn fn, void *arg)
{
	(void)in;
	if (store.n == ARRAY_LEN(store.waiting))
		part_die("ingest", "more events wait than there are connections");
	store.waiting[store.n++] = (struct acceptance){ ev, fn, arg };
	defer_schedule(&store.defer);
}

static void
on_stored(void *arg)
{
	(void)arg;
	size_t n = store.n;
	store.n = 0; /* answers do not submit: the next request comes with another event */
	for (size_t i = 0; i < n; i++) {
		const struct acceptance a = store.waiting[i];
		const struct ingest_answer answer = {
			.app_id = 1,
			.msg_id = id_next(&store.ids, loop_wall(store.loop)),
			.event_type = a.ev->event_type,
			.event_id = a.ev->event_id,
			.payload = a.ev->payload,
		};
		a.fn(a.arg, &answer, NULL);
	}
}

static void
store_init(struct loop *l)
{
	store.loop = l;
	id_source_init(&store.ids, 0, 0);
	defer_init(&store.defer, l, on_stored, NULL);
}

/* ---- requests ----------------------------------------------------------------------------- */

static bool
is_event(struct str path)
{
	const struct str end = STR("/msg");
	return path.n > end.n && str_eq((struct str){ path.p + path.n - end.n, end.n }, end);
}

static void
on_request(void *ctx, struct http_request *rq)
{
	struct front *f = ctx;
	f->requests++;
	if (f->api && is_event(rq->path))
		api_handle(f->api, rq);
	else
		http_reply(rq, 202, "application/json", STR("{\"id\":\"msg_0000000000000\"}"), "");
}

static void
on_end(void *arg)
{
	loop_stop(arg);
}

static void
on_signal(int signum, void *arg)
{
	(void)signum;
	loop_stop(arg);
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* A token that this process takes. */
static void
write_token(const struct token_key *key, const char *path)
{
	char text[TOKEN_TEXT_MAX];
	struct err e;
	if (token_mint(ORG, NULL, NULL, 0, key, clock_wall(), LIFETIME_S, text, &e))
		part_die("token", e.text);
	FILE *f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f))
		part_die(path, "cannot be written");
}

static void
make_api(struct front *f, const struct part_options *o)
{
	struct err e;
	config_init(&f->config);
	if (config_set(&f->config, "jwt_secret", "no secret, a measurement", CONFIG_FROM_FLAG, &e))
		part_die("jwt_secret", e.text);
	if (config_token_key(&f->config, &f->token_key, &e))
		part_die("jwt_secret", e.text);
	if (o->token_out)
		write_token(f->token_key, o->token_out);
	store_init(f->loop);
	if (!o->mode || strcmp(o->mode, "api") != 0)
		return;
	const struct rest_parts parts = {
		.loop = f->loop, .config = &f->config, .token_key = f->token_key
	};
	f->api = api_new(&parts);
}

int
main(int argc, char **argv)
{
	struct part_options o;
	struct http_limits limits;
	struct front f = { 0 };
	struct timer end;
	struct err e;
	int fd, port;
	if (part_options_read(&o, argc, argv))
		return 64;
	if (http_listen("127.0.0.1:0", &fd, &port, &e))
		part_die("listening", e.text);
	http_limits_default(&limits);
	f.loop = loop_new();
	make_api(&f, &o);
	struct http_server *s = http_server_new(f.loop, fd, &limits, on_request, &f);
	timer_init(&end, f.loop, on_end, f.loop);
	timer_set(&end, o.seconds * USEC_PER_SEC);
	loop_signal(f.loop, SIGTERM, on_signal, f.loop);
	fprintf(stderr, "listening http://127.0.0.1:%d\n", port);
	loop_run(f.loop);

	printf(
	    "{\"part\":\"%s\",\"requests\":%lld}\n", f.api ? "api" : "null", (long long)f.requests);
	timer_done(&end);
	http_server_free(s);
	close(fd);
	api_free(f.api);
	token_key_free(f.token_key);
	defer_cancel(&store.defer);
	loop_free(f.loop);
	return 0;
}
