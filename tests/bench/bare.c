/* curl_multi_socket_action on libevent with the levers that made most: a large connection cache,
 * sockets that stay registered between two transfers, the URL parsed once, a handle for each
 * transfer under way that keeps its options, headers in nodes of our own.
 *
 * What is not here: a policy for addresses, deadlines, bounds of the answer, pools. */
#include "bare.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

#define CONNECTIONS_MAX 1024
#define DESCRIPTORS_MAX 4096

struct transfer {
	CURL *easy;
	struct post post;
	struct curl_slist lines[POST_HEADERS + 2];
};

struct bare {
	struct part *part;
	struct poster *poster;
	CURLM *multi;
	CURLU *url;
	struct timer timer;
	struct defer harvest;
	struct event *event[DESCRIPTORS_MAX]; /* by descriptor; NULL: not registered */
	short wanted[DESCRIPTORS_MAX];
	bool busy[DESCRIPTORS_MAX]; /* a transfer is on it */
};

/* ---- sockets and time --------------------------------------------------------------------- */

static void
forget(struct bare *b, curl_socket_t fd)
{
	if (b->event[fd])
		event_free(b->event[fd]);
	b->event[fd] = NULL;
	b->wanted[fd] = 0;
	b->busy[fd] = false;
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct bare *b = arg;
	int running;
	if (!b->busy[fd]) {
		forget(b, fd); /* the receiver has closed it */
		return;
	}
	int mask =
	    (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	curl_multi_socket_action(b->multi, fd, mask, &running);
	defer_schedule(&b->harvest);
}

/* CURLMOPT_SOCKETFUNCTION */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct bare *b = arg;
	(void)easy;
	(void)socket_arg;
	if (fd >= DESCRIPTORS_MAX)
		part_die("sockets", "too many");
	b->busy[fd] = what != CURL_POLL_REMOVE;
	short events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);
	if (what == CURL_POLL_REMOVE) {
		if (!(b->wanted[fd] & EV_WRITE))
			return 0;
		forget(b, fd);
		return 0;
	}
	if (b->wanted[fd] == events)
		return 0;
	forget(b, fd);
	b->busy[fd] = true;
	b->wanted[fd] = events;
	b->event[fd] = event_new(loop_base(b->part->loop), fd, events | EV_PERSIST, on_event, b);
	event_add(b->event[fd], NULL);
	return 0;
}

/* CURLOPT_CLOSESOCKETFUNCTION */
static int
on_close(void *arg, curl_socket_t fd)
{
	forget(arg, fd);
	return close(fd);
}

/* CURLMOPT_TIMERFUNCTION */
static int
on_timer_wanted(CURLM *multi, long ms, void *arg)
{
	struct bare *b = arg;
	(void)multi;
	if (ms < 0)
		timer_stop(&b->timer);
	else
		timer_set(&b->timer, ms * USEC_PER_MS);
	return 0;
}

static void
on_timer(void *arg)
{
	struct bare *b = arg;
	int running;
	curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	defer_schedule(&b->harvest);
}

/* ---- transfers ---------------------------------------------------------------------------- */

static size_t
drop_body(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static void
transfer_init(struct transfer *t, struct bare *b)
{
	static const char *const own[] = { "Accept:", "Expect:" };
	t->easy = curl_easy_init();
	if (!t->easy)
		part_die("libcurl", "out of memory");
	post_init(&t->post, b->poster);
	for (size_t i = 0; i < ARRAY_LEN(t->lines); i++) {
		const char *line = i < POST_HEADERS ? t->post.header[i] : own[i - POST_HEADERS];
		t->lines[i].data = (char *)(uintptr_t)line;
		t->lines[i].next = i + 1 < ARRAY_LEN(t->lines) ? &t->lines[i + 1] : NULL;
	}
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(t->easy, CURLOPT_CURLU, b->url);
	curl_easy_setopt(t->easy, CURLOPT_CAINFO, b->part->options->ca_file);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->lines);
	curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->post.body);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)b->poster->payload.n);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, drop_body);
	curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, b);
}

/* The caller lets libcurl run afterwards. */
static void
start(struct bare *b, struct transfer *t)
{
	int64_t number;
	if (!part_next(b->part, &number))
		return;
	post_write(&t->post, b->poster, number, loop_wall(b->part->loop));
	curl_multi_add_handle(b->multi, t->easy);
}

static void
on_harvest(void *arg)
{
	struct bare *b = arg;
	const CURLMsg *m;
	int left, running, n = 0;
	while ((m = curl_multi_info_read(b->multi, &left))) {
		CURLcode code = m->data.result;
		CURL *easy = m->easy_handle;
		char *t = NULL;
		long status = 0;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_multi_remove_handle(b->multi, easy);
		part_count(b->part, code == CURLE_OK && status == 200);
		start(b, (struct transfer *)(void *)t);
		n++;
	}
	if (n == 0)
		return;
	curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	defer_schedule(&b->harvest);
}

void
bare_run(struct part *p, struct poster *poster)
{
	struct bare *b = mem_zalloc(sizeof(*b));
	int64_t n = p->options->parallel;
	struct transfer *transfers = mem_zalloc(sizeof(*transfers) * (size_t)n);
	curl_global_init(CURL_GLOBAL_ALL);
	*b = (struct bare){ .part = p, .poster = poster, .multi = curl_multi_init() };
	b->url = curl_url();
	if (!b->multi || curl_url_set(b->url, CURLUPART_URL, p->options->url, 0) != CURLUE_OK)
		part_die("--url", "libcurl cannot use it");
	timer_init(&b->timer, p->loop, on_timer, b);
	defer_init(&b->harvest, p->loop, on_harvest, b);
	curl_multi_setopt(b->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(b->multi, CURLMOPT_SOCKETDATA, b);
	curl_multi_setopt(b->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(b->multi, CURLMOPT_TIMERDATA, b);
	curl_multi_setopt(b->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	for (int64_t i = 0; i < n; i++) {
		transfer_init(&transfers[i], b);
		start(b, &transfers[i]);
	}
	part_run(p);
	for (int64_t i = 0; i < n; i++) {
		curl_multi_remove_handle(b->multi, transfers[i].easy);
		curl_easy_cleanup(transfers[i].easy);
		post_done(&transfers[i].post);
	}
	curl_multi_cleanup(b->multi);
	curl_url_cleanup(b->url);
	defer_cancel(&b->harvest);
	timer_done(&b->timer);
	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
		forget(b, fd);
	curl_global_cleanup();
	free(transfers);
	free(b);
}
