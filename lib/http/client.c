/* The exchanges of the HTTP client: started, queued, handed to libcurl in batches, ended once.
 *
 * Life of an exchange: client_start puts it into `queued`; the deferred `work` adds all queued ones
 * to the multi handle and kicks it once (each curl_multi_add_handle alone would cost a timer and a
 * round); it ends by libcurl's message, by its own deadline or by client_abort; then it goes back
 * to the pool with its easy handle.
 *
 * Invariants
 * 1. A client_fn runs only from `work` and from a deadline, so never on the stack of libcurl or of
 *    client_start; inside it everything of client.h may be called, client_free too.
 * 2. Options that never change are set when an easy handle is made. A request sets four, and
 *    rewrites lists that the handle already points to. curl_easy_reset is never used.
 * 3. The deadline is our own timer. CURLOPT_TIMEOUT_MS has been missed with socket_action in
 * several releases, and costs more. */
#include "http/client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

#include "http/client-internal.h"

/* Exchanges handed to libcurl in one turn: about 5 ms of work, so that a burst of starts does not
 * keep the loop from its other sockets. The rest follows in the next turn. */
#define START_MAX 256

/* Exchanges kept for reuse, about 6 kB each with the easy handle; beyond it they are freed. */
#define POOL_MAX 512

/* How often it is looked whether memory can be given back: exchanges that were not needed since the
 * last time, and connections when nothing was sent for so long that libcurl would drop them at the
 * next use (CURLOPT_MAXAGE_CONN: 118 s). */
#define REST            (10 * USEC_PER_SEC)
#define CONNECTION_REST (120 * USEC_PER_SEC)

/* A body buffer that grew beyond this is not kept with the pooled exchange. */
#define POOL_BODY_MAX 4096

struct client_target {
	CURLU *url;
	int tls_cache; /* -1: plain HTTP */
	/* The last address as CURLOPT_CONNECT_TO wants it. */
	struct sockaddr_storage to;
	char connect_to[INET6_ADDRSTRLEN + 16];
};

static const char *const own_headers[CLIENT_HEADERS_OWN] = {
	"Accept:",       /* libcurl would send "*" "/" "*" */
	"Content-Type:", /* would be a form's; the caller's own line is kept */
	"Expect:",       /* would be 100-continue above 1 MiB */
};

static void on_work(void *arg);
static void on_rest(void *arg);

void
client_options_default(struct client_options *o)
{
	*o = (struct client_options){
		.connections_max = 1024,
		.keep_body = 16384,
		.read_body = 65536,
		.head_max = 65536,
	};
}

/* The bundle file of the system. CURLOPT_CAPATH must stay unset: with a directory libcurl 7.88
 * parses all roots again for every connection (20 ms). */
static const char *
system_ca_file(void)
{
	const char *files[] = {
		curl_version_info(CURLVERSION_NOW)->cainfo,
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/cert.pem",
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (files[i] && access(files[i], R_OK) == 0)
			return files[i];
	}
	return NULL;
}

static char *
line_of(const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 1;
	char *line = mem_alloc(size);
	snprintf(line, size, "%s%s", name, value);
	return line;
}

struct client *
client_new(struct loop *l, const struct address_policy *policy, const struct client_options *o,
    struct err *e)
{
	if (o->ca_file && access(o->ca_file, R_OK)) {
		err_errno(e, ERR_CONFIG, "CA file %s", o->ca_file);
		return NULL;
	}
	CURLcode code = curl_global_init(CURL_GLOBAL_ALL); /* counted; see client_destroy */
	if (code != CURLE_OK) {
		err_set(e, ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(code));
		return NULL;
	}
	struct client *c = mem_zalloc(sizeof(*c));
	c->loop = l;
	c->policy = policy;
	c->options = *o;
	const char *ca_file = o->ca_file ? o->ca_file : system_ca_file();
	c->options.ca_file = ca_file ? mem_strdup(ca_file) : NULL;
	c->user_agent_line = o->user_agent ? line_of("User-Agent: ", o->user_agent) : NULL;
	TAILQ_INIT(&c->queued);
	TAILQ_INIT(&c->running);
	TAILQ_INIT(&c->pool);
	defer_init(&c->work, l, on_work, c);
	timer_init(&c->rest, l, on_rest, c);
	client_multi_init(c);
	return c;
}

static void
exchange_free(struct client_exchange *x)
{
	timer_done(&x->deadline);
	curl_easy_cleanup(x->easy);
	buf_free(&x->body);
	free(x->headers);
	free(x->retry_after);
	free(x);
}

static void
pool_shrink(struct client *c, int n)
{
	for (; n > 0; n--) {
		struct client_exchange *coldest = TAILQ_LAST(&c->pool, exchange_list);
		TAILQ_REMOVE(&c->pool, coldest, entry);
		c->pooled--;
		exchange_free(coldest);
	}
}

static void
on_rest(void *arg)
{
	struct client *c = arg;
	pool_shrink(c, c->pooled_least);
	c->pooled_least = c->pooled;
	if (c->in_flight == 0 && loop_now(c->loop) - c->used_at > CONNECTION_REST) {
		client_multi_renew(c);
		c->used_at = 0;
	}
	if (c->pooled || c->used_at)
		timer_set(&c->rest, REST);
}

static void
client_destroy(struct client *c)
{
	pool_shrink(c, c->pooled);
	defer_cancel(&c->work);
	timer_done(&c->rest);
	client_multi_done(c);
	free((char *)(uintptr_t)c->options.ca_file);
	free(c->user_agent_line);
	free(c);
	curl_global_cleanup();
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	struct client_exchange *x;
	while ((x = TAILQ_FIRST(&c->queued)) || (x = TAILQ_FIRST(&c->running)))
		client_abort(x);
	if (c->calling)
		c->dying = true;
	else
		client_destroy(c);
}

/* By name and port; -1 for plain HTTP. */
static int
tls_cache_of(CURLU *url)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	int cache = -1;
	curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
	curl_url_get(url, CURLUPART_HOST, &host, 0);
	curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	if (host && port && str_eq(str_of(scheme), STR("https")))
		cache = client_tls_cache_of(str_of(host), str_of(port));
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return cache;
}

struct client_target *
client_target_new(const char *url, struct err *e)
{
	CURLU *u = curl_url();
	CURLUcode code =
	    curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
	if (code != CURLUE_OK) {
		curl_url_cleanup(u);
		err_set(e, ERR_INVALID, "URL: %s", curl_url_strerror(code));
		return NULL;
	}
	char *scheme = NULL;
	curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
	struct str s = str_of(scheme);
	bool http = str_eq(s, STR("http")) || str_eq(s, STR("https"));
	curl_free(scheme);
	if (!http) {
		curl_url_cleanup(u);
		err_set(e, ERR_INVALID, "URL: neither http nor https");
		return NULL;
	}
	struct client_target *t = mem_zalloc(sizeof(*t));
	t->url = u;
	t->tls_cache = tls_cache_of(u);
	return t;
}

void
client_target_free(struct client_target *t)
{
	if (!t)
		return;
	curl_url_cleanup(t->url);
	free(t);
}

static bool
address_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET) {
		const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
		return x->sin_addr.s_addr == y->sin_addr.s_addr && x->sin_port == y->sin_port;
	}
	const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
	return memcmp(&x->sin6_addr, &y->sin6_addr, 16) == 0 && x->sin6_port == y->sin6_port;
}

/* Formats the address for CURLOPT_CONNECT_TO: "HOST1:PORT1:HOST2:PORT2", where empty HOST1 and
 * PORT1 match everything and an empty PORT2 keeps the URL's. */
static void
target_pin(struct client_target *t, const struct sockaddr_storage *to)
{
	if (t->connect_to[0] && address_equal(&t->to, to))
		return;
	bool v6 = to->ss_family == AF_INET6;
	assert(v6 || to->ss_family == AF_INET);
	const struct sockaddr_in *sin = (const void *)to;
	const struct sockaddr_in6 *sin6 = (const void *)to;
	const void *address = v6 ? (const void *)&sin6->sin6_addr : (const void *)&sin->sin_addr;
	char host[INET6_ADDRSTRLEN], port[8] = "";
	inet_ntop(to->ss_family, address, host, sizeof(host));
	unsigned number = ntohs(v6 ? sin6->sin6_port : sin->sin_port);
	if (number)
		snprintf(port, sizeof(port), "%u", number);
	snprintf(t->connect_to, sizeof(t->connect_to), v6 ? "::[%s]:%s" : "::%s:%s", host, port);
	t->to = *to;
}

/* Ends an exchange: it must be in no list and unknown to libcurl. */
static void
exchange_recycle(struct client_exchange *x)
{
	struct client *c = x->client;
	timer_stop(&x->deadline);
	if (c->pooled >= POOL_MAX || c->dying) {
		exchange_free(x);
		return;
	}
	if (x->body.cap > POOL_BODY_MAX)
		buf_free(&x->body);
	x->state = EXCHANGE_FREE;
	TAILQ_INSERT_HEAD(&c->pool, x, entry); /* the warmest first */
	c->pooled++;
}

/* Takes it out of the lists and away from libcurl, which closes the connection of a transfer that
 * is not complete. */
static void
exchange_detach(struct client_exchange *x)
{
	struct client *c = x->client;
	if (x->state == EXCHANGE_QUEUED) {
		TAILQ_REMOVE(&c->queued, x, entry);
	} else {
		assert(x->state == EXCHANGE_RUNNING);
		TAILQ_REMOVE(&c->running, x, entry);
		curl_multi_remove_handle(c->multi, x->easy);
	}
	c->in_flight--;
}

/* Ends an exchange with its one callback. The caller has set c->calling. */
static void
exchange_complete(struct client_exchange *x, CURLcode code)
{
	struct client_response r;
	client_answer_get(x, code, &r);
	r.duration = loop_now(x->client->loop) - x->started;
	exchange_detach(x);
	x->state = EXCHANGE_CALLING;
	x->fn(x->arg, &r);
	exchange_recycle(x);
}

static void
on_deadline(void *arg)
{
	struct client_exchange *x = arg;
	struct client *c = x->client;
	c->calling = true;
	exchange_complete(x, CURLE_OPERATION_TIMEDOUT);
	c->calling = false;
	if (c->dying)
		client_destroy(c);
}

/* What a request never changes. */
static void
exchange_setup(struct client_exchange *x)
{
	const struct client_options *o = &x->client->options;
	CURL *h = x->easy;
	curl_easy_setopt(h, CURLOPT_PRIVATE, x);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h, CURLOPT_PROXY, ""); /* and none from the environment */
	curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
	/* Every address becomes an entry of libcurl's own cache of names, which is walked at the
	 * end of each transfer; 0 keeps it empty. */
	curl_easy_setopt(h, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	/* The smallest buffers: they are allocated while a transfer runs, and 10 000 of them wait
	 * at the same time when receivers hang. Answers are short as a rule. */
	curl_easy_setopt(h, CURLOPT_BUFFERSIZE, 1024L);
	curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(h, CURLOPT_CAINFO, o->ca_file);
	curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
	/* There is no proxy, but each easy handle and each connection would copy these two. */
	curl_easy_setopt(h, CURLOPT_PROXY_CAINFO, NULL);
	curl_easy_setopt(h, CURLOPT_PROXY_CAPATH, NULL);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, o->insecure_tls ? 0L : 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, o->insecure_tls ? 0L : 2L);
	curl_easy_setopt(h, CURLOPT_POST, 1L);
	x->connect_node.data = x->connect_to;
	curl_easy_setopt(h, CURLOPT_CONNECT_TO, &x->connect_node);
	client_socket_setup(x);
	client_tls_setup(x);
	client_answer_setup(x);
}

/* One from the pool, or a new one. */
static struct client_exchange *
exchange_get(struct client *c)
{
	struct client_exchange *x = TAILQ_FIRST(&c->pool);
	if (x) {
		TAILQ_REMOVE(&c->pool, x, entry);
		if (--c->pooled < c->pooled_least)
			c->pooled_least = c->pooled;
		return x;
	}
	x = mem_zalloc(sizeof(*x));
	x->client = c;
	x->easy = curl_easy_init();
	if (!x->easy)
		abort(); /* out of memory, as mem_alloc does */
	timer_init(&x->deadline, c->loop, on_deadline, x);
	buf_init(&x->body, (size_t)c->options.keep_body);
	exchange_setup(x);
	return x;
}

/* Makes room for n lines besides our own; most requests have about eight, and as many as there may
 * be would take 1.3 kB in each of 10 000 exchanges. */
static void
exchange_reserve_headers(struct client_exchange *x, int n)
{
	if (x->headers && n <= x->headers_room)
		return;
	x->headers_room = (n + 7) / 8 * 8;
	size_t nodes = CLIENT_HEADERS_OWN + (size_t)x->headers_room;
	x->headers = mem_realloc(x->headers, nodes * sizeof(*x->headers));
	for (int i = 0; i < CLIENT_HEADERS_OWN; i++) {
		x->headers[i].data = (char *)(uintptr_t)own_headers[i];
		x->headers[i].next = &x->headers[i + 1];
	}
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
}

static struct curl_slist *
append_line(struct curl_slist *last, const char *line)
{
	last->next = last + 1;
	last->next->data = (char *)(uintptr_t)line; /* libcurl only reads it */
	return last->next;
}

static bool
has_user_agent(const char *const *lines, int n)
{
	const struct str name = STR("user-agent:");
	for (int i = 0; i < n; i++)
		if ((lines[i][0] | 0x20) == 'u' && strncasecmp(lines[i], name.p, name.n) == 0)
			return true;
	return false;
}

/* Points the handle's list at the caller's lines. The user agent is one of them: CURLOPT_USERAGENT
 * is copied into each easy handle and formatted again for each request. */
static void
exchange_set_headers(struct client_exchange *x, const char *const *lines, int n)
{
	assert(n >= 0 && n <= CLIENT_HEADERS_MAX);
	const char *user_agent = x->client->user_agent_line;
	exchange_reserve_headers(x, n + 1);
	struct curl_slist *last = &x->headers[CLIENT_HEADERS_OWN - 1];
	if (user_agent && !has_user_agent(lines, n))
		last = append_line(last, user_agent);
	for (int i = 0; i < n; i++)
		last = append_line(last, lines[i]);
	last->next = NULL;
}

struct client_exchange *
client_start(struct client *c, const struct client_request *rq, client_fn fn, void *arg)
{
	assert(!c->dying);
	struct client_exchange *x = exchange_get(c);
	x->fn = fn;
	x->arg = arg;
	x->started = c->used_at = loop_now(c->loop);
	if (!timer_pending(&c->rest))
		timer_set(&c->rest, REST);
	client_answer_reset(x);
	target_pin(rq->target, rq->to);
	memcpy(x->connect_to, rq->target->connect_to, sizeof(x->connect_to));
	exchange_set_headers(x, rq->headers, rq->nheaders);
	if (rq->target->tls_cache >= 0)
		client_tls_use(x, rq->target->tls_cache);
	curl_easy_setopt(x->easy, CURLOPT_CURLU, rq->target->url);
	/* Never NULL: libcurl would ask its read callback for the body, which reads stdin. */
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, rq->body.n ? rq->body.p : "");
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
	timer_set(&x->deadline, rq->timeout_ms * USEC_PER_MS);
	x->state = EXCHANGE_QUEUED;
	TAILQ_INSERT_TAIL(&c->queued, x, entry);
	c->in_flight++;
	defer_schedule(&c->work);
	return x;
}

void
client_abort(struct client_exchange *x)
{
	if (x->state == EXCHANGE_CALLING)
		return; /* from inside its own callback: it is over already */
	exchange_detach(x);
	exchange_recycle(x);
}

int
client_in_flight(const struct client *c)
{
	return c->in_flight;
}

/* Ends what libcurl has finished. */
static void
harvest(struct client *c)
{
	CURLMsg *m;
	int left;
	while (!c->dying && (m = curl_multi_info_read(c->multi, &left))) {
		assert(m->msg == CURLMSG_DONE); /* the only kind there is */
		CURLcode code = m->data.result; /* m dies with curl_multi_remove_handle */
		char *x = NULL;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		exchange_complete((struct client_exchange *)(void *)x, code);
	}
}

/* Hands queued exchanges to libcurl: all are added before the one kick. */
static void
start_queued(struct client *c)
{
	struct client_exchange *x;
	int n = 0;
	while (n < START_MAX && (x = TAILQ_FIRST(&c->queued))) {
		TAILQ_REMOVE(&c->queued, x, entry);
		TAILQ_INSERT_TAIL(&c->running, x, entry);
		x->state = EXCHANGE_RUNNING;
		CURLMcode code = curl_multi_add_handle(c->multi, x->easy);
		assert(code == CURLM_OK);
		(void)code;
		n++;
	}
	if (n)
		client_multi_kick(c);
}

static void
on_work(void *arg)
{
	struct client *c = arg;
	c->calling = true;
	harvest(c); /* frees connections for those that wait, and its callbacks start more */
	if (!c->dying)
		start_queued(c);
	harvest(c); /* those that ended at once */
	c->calling = false;
	if (c->dying)
		client_destroy(c);
	else if (!TAILQ_EMPTY(&c->queued))
		defer_schedule(&c->work);
}
