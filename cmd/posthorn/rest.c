/* The REST client of the commands: libcurl's easy interface, one handle, so that the pages of a
 * list share a connection.
 *
 * Never followed: redirects (the token would go along). Never asked for: compression (an answer is
 * as large as it says). Repeated once: what may have failed by chance; every method but POST is
 * idempotent, and a POST carries a key (draft-ietf-httpapi-idempotency-key-header).
 * Proxies of the environment are honoured, as admins expect of a command-line tool. */
#include "rest.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"

#include "api_error.h"
#include "json_text.h"
#include "policy/name.h"
#include "policy/slice.h"
#include "printable.h"

#define TRIES          2
#define RETRY_PAUSE_MS 250 /* long enough for a restarting worker's successor to listen */
#define CONNECT_MS     10000
#define KEY_MAX        255 /* bytes of an Idempotency-Key */

struct rest {
	const struct server *server;
	struct arena *arena;
	int64_t timeout_s;
	CURL *curl;
	struct buf body;           /* of the answer */
	struct slice slice;        /* scratch of the check; large, hence not on the stack */
	char why[CURL_ERROR_SIZE]; /* libcurl's words for the last failure */
};

/* At most REST_ANSWER_MAX bytes: a short count makes libcurl give up (CURLE_WRITE_ERROR). */
static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct rest *r = arg;
	buf_add(&r->body, p, size * n);
	return r->body.failed ? 0 : n;
}

struct rest *
rest_new(const struct server *server, struct arena *arena, int64_t timeout_s)
{
	struct rest *r = mem_zalloc(sizeof(*r));
	r->server = server;
	r->arena = arena;
	r->timeout_s = timeout_s;
	r->curl = curl_easy_init();
	buf_init(&r->body, REST_ANSWER_MAX);
	return r;
}

void
rest_free(struct rest *r)
{
	if (!r)
		return;
	curl_easy_cleanup(r->curl);
	buf_free(&r->body);
	free(r);
}

/* What is the same for each request. */
static void
set_common(struct rest *r)
{
	CURL *c = r->curl;
	curl_easy_reset(c); /* keeps connections */
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "posthorn/" POSTHORN_VERSION);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)r->timeout_s);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->why);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	if (r->server->token) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, r->server->token);
	}
}

static void
set_body(CURL *c, const struct rest_request *rq)
{
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, rq->method);
	if (!rq->body.p && strcmp(rq->method, "POST") != 0)
		return;
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, rq->body.p ? rq->body.p : "");
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
}

static struct curl_slist *
headers_new(struct rest *r, const struct rest_request *rq, const char *key)
{
	struct curl_slist *h = curl_slist_append(NULL, "Accept: application/json");
	h = curl_slist_append(h, "Expect:");
	if (rq->body.p)
		h = curl_slist_append(
		    h, arena_printf(r->arena, "Content-Type: %s",
			   rq->content_type ? rq->content_type : "application/json"));
	if (strcmp(rq->method, "POST") == 0)
		h = curl_slist_append(h, arena_printf(r->arena, "Idempotency-Key: %s", key));
	return h;
}

static const char *
random_key(struct arena *a)
{
	uint64_t r[2];
	rand_bytes(r, sizeof(r));
	return arena_printf(
	    a, "cli_%016llx%016llx", (unsigned long long)r[0], (unsigned long long)r[1]);
}

/* One try. Returns libcurl's code; *ret is set when it is CURLE_OK. */
static CURLcode
try_once(struct rest *r, const struct rest_request *rq, const char *key, struct rest_answer *ret)
{
	long status = 0;
	buf_clear(&r->body);
	r->why[0] = '\0';
	set_common(r);
	set_body(r->curl, rq);
	struct curl_slist *h = headers_new(r, rq, key);
	curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, h);
	curl_easy_setopt(
	    r->curl, CURLOPT_URL, arena_printf(r->arena, "%s/api/v1%s", r->server->url, rq->path));
	CURLcode rc = curl_easy_perform(r->curl);
	curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(h);
	*ret = (struct rest_answer){ (int)status, { r->body.data, r->body.len } };
	return rc;
}

/* A second try may help: nothing was listening, or the connection broke. Not after a timeout, which
 * would double the wait that the user set. */
static bool
worth_another(CURLcode rc, int status)
{
	switch (rc) {
	case CURLE_OK:
		return status >= 500 && status != 501;
	case CURLE_COULDNT_CONNECT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return true;
	default:
		return false;
	}
}

/* No answer: says which server, why, and what to do about it. */
static int
transport_error(const struct rest *r, CURLcode rc, struct err *e)
{
	const char *url = r->server->url;
	switch (rc) {
	case CURLE_COULDNT_CONNECT:
		err_set(e, ERR_UNAVAILABLE,
		    "cannot connect to %s; is it running? Start one here with posthornd --dev, or "
		    "name another with --url",
		    url);
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
		err_set(e, ERR_UNAVAILABLE, "%s: no such host; check --url or POSTHORN_URL", url);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		err_set(e, ERR_UNAVAILABLE, "%s did not answer within %lld s (--timeout)", url,
		    (long long)r->timeout_s);
		break;
	case CURLE_WRITE_ERROR:
		err_set(
		    e, ERR_IO, "the answer of %s is larger than %d bytes", url, REST_ANSWER_MAX);
		break;
	default:
		err_set(e, ERR_UNAVAILABLE, "no answer from %s: %s", url,
		    printable_line(
			r->arena, str_of(r->why[0] ? r->why : curl_easy_strerror(rc)), 120));
	}
	snprintf(e->origin, sizeof(e->origin), "curl:%d", (int)rc);
	return -1;
}

/* One that a header can carry. */
static bool
key_valid(const char *key)
{
	size_t n = strlen(key);
	for (size_t i = 0; i < n; i++)
		if (key[i] < '!' || key[i] > '~')
			return false;
	return n > 0 && n <= KEY_MAX;
}

int
rest_exchange(struct rest *r, const struct rest_request *rq, struct rest_answer *ret, struct err *e)
{
	const char *key = rq->idempotency_key ? rq->idempotency_key : random_key(r->arena);
	CURLcode rc = CURLE_OK;
	if (!key_valid(key))
		return err_set(
		    e, ERR_USAGE, "an idempotency key is 1 to %d visible characters", KEY_MAX);
	for (int i = 0; i < TRIES; i++) {
		if (i > 0)
			poll(NULL, 0, RETRY_PAUSE_MS);
		rc = try_once(r, rq, key, ret);
		/* The first try may have deleted it before its answer was lost. */
		if (i > 0 && ret->status == 404 && strcmp(rq->method, "DELETE") == 0)
			*ret = (struct rest_answer){ .status = 204 };
		if (!worth_another(rc, ret->status))
			break;
	}
	return rc == CURLE_OK ? 0 : transport_error(r, rc, e);
}

int
rest_call(struct rest *r, const struct rest_request *rq, struct rest_answer *ret, struct err *e)
{
	if (rest_exchange(r, rq, ret, e))
		return -1;
	if (ret->status < 200 || ret->status > 299)
		return api_error(r->arena, r->server, ret, e);
	/* A page of a proxy in between is no success, not even for a command that shows nothing. */
	return ret->body.n ? json_text_object(ret->body, "the answer", &r->slice, e) : 0;
}

const char *
rest_path(struct arena *a, const char *pattern, const char *const *words, struct err *e)
{
	const char *path = "";
	for (const char *star; (star = strchr(pattern, '*')); pattern = star + 1) {
		const char *word = *words++;
		/* Ids and uids need no encoding; a dot segment would change the path's meaning. */
		if (!name_valid(str_of(word)) || strcmp(word, ".") == 0 ||
		    strcmp(word, "..") == 0) {
			err_set(e, ERR_USAGE,
			    "%s is no id: ids and uids are 1 to 256 of A-Z a-z 0-9 - _ .",
			    printable_line(a, str_of(word), 60));
			return NULL;
		}
		path = arena_printf(a, "%s%.*s%s", path, (int)(star - pattern), pattern, word);
	}
	return arena_printf(a, "%s%s", path, pattern);
}

const char *
rest_query(struct arena *a, const char *path, const char *name, const char *value)
{
	char *text = curl_easy_escape(NULL, value, 0);
	path = arena_printf(
	    a, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', name, text ? text : "");
	curl_free(text);
	return path;
}
