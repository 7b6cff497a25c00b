/* The client's targets: a URL taken apart once, with the part of the request that is always the
 * same.
 *
 * libcurl's URL API reads the URL, as in policy/url, so that both understand the same. The path is
 * sent as it is written (CURLU_PATH_AS_IS), with bytes that are no ASCII percent-encoded; an empty
 * one is "/". The query is sent as it is, the fragment never. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "http/client-internal.h"

#define HEAD_MAX     65536 /* bytes of a request line and Host; a longer URL is refused */
#define NAME_MAX_LEN 254   /* of a host, with a trailing dot: RFC 1035 */

/* ---- origins ---- */

/* FNV-1a. The names come from customers, but a bucket of the client holds only its connections, of
 * which there are few. */
static uint32_t
hash_bytes(uint32_t hash, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ ((const unsigned char *)p)[i]) * 16777619u;
	return hash;
}

/* name: without brackets. */
static struct client_origin *
origin_new(struct str name, uint16_t port, bool tls)
{
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	struct client_origin *o = mem_zalloc(sizeof(*o) + name.n + 1);
	o->refs = 1;
	o->port = port;
	o->tls = tls;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		o->name[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	unsigned char address[16];
	o->is_address =
	    inet_pton(AF_INET, o->name, address) == 1 || inet_pton(AF_INET6, o->name, address) == 1;
	o->hash = hash_bytes(2166136261u, o->name, name.n);
	o->hash = hash_bytes(o->hash, &port, sizeof(port)) + tls;
	return o;
}

struct client_origin *
client_origin_ref(struct client_origin *o)
{
	o->refs++;
	return o;
}

void
client_origin_unref(struct client_origin *o)
{
	if (--o->refs == 0)
		free(o);
}

bool
client_origin_equal(const struct client_origin *a, const struct client_origin *b)
{
	return a == b || (a->hash == b->hash && a->port == b->port && a->tls == b->tls &&
			     strcmp(a->name, b->name) == 0);
}

/* ---- targets ---- */

/* The parts of a URL, owned by libcurl. */
struct parts {
	char *scheme, *host, *port, *said_port, *path, *query;
};

static CURLUcode
parts_get(CURLU *u, struct parts *ret)
{
	CURLUcode code = curl_url_get(u, CURLUPART_SCHEME, &ret->scheme, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(u, CURLUPART_HOST, &ret->host, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(u, CURLUPART_PATH, &ret->path, CURLU_URLENCODE);
	if (code == CURLUE_OK) {
		/* Absent ones are no errors. */
		curl_url_get(u, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT);
		curl_url_get(u, CURLUPART_PORT, &ret->said_port, CURLU_NO_DEFAULT_PORT);
		curl_url_get(u, CURLUPART_QUERY, &ret->query, 0);
	}
	return code;
}

static void
parts_free(struct parts *p)
{
	char *const all[] = { p->scheme, p->host, p->port, p->said_port, p->path, p->query };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		curl_free(all[i]);
}

/* What TLS can ask for. To OpenSSL an empty name means that no name is checked, and one that begins
 * with a dot means every name below. Names that are no ASCII are translated before they are
 * registered. */
static bool
name_usable(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] & 0x80)
			return false;
	}
	return s.n > 0 && s.n <= NAME_MAX_LEN && s.p[0] != '.';
}

static struct client_target *
target_of_parts(const char *method, const struct parts *p, struct err *e)
{
	struct str scheme = str_of(p->scheme), name = str_of(p->host);
	bool tls = str_eq(scheme, STR("https"));
	int64_t port = 0;
	if (!tls && !str_eq(scheme, STR("http"))) {
		err_set(e, ERR_INVALID, "URL: neither http nor https");
		return NULL;
	}
	if (name.n > 1 && name.p[0] == '[')
		name = (struct str){ name.p + 1, name.n - 2 };
	if (!name_usable(name) || str_to_i64(str_of(p->port), 0, 65535, &port)) {
		err_set(e, ERR_INVALID, "URL: unusable host or port");
		return NULL;
	}
	struct client_target *t = mem_zalloc(sizeof(*t));
	t->origin = origin_new(name, (uint16_t)port, tls);
	buf_init(&t->head, HEAD_MAX);
	buf_addf(&t->head, "%s %s", method, p->path);
	if (p->query)
		buf_addf(&t->head, "?%s", p->query);
	buf_addf(&t->head, " HTTP/1.1\r\nHost: %s", p->host);
	if (p->said_port)
		buf_addf(&t->head, ":%lld", (long long)port);
	buf_adds(&t->head, "\r\n");
	if (!t->head.failed)
		return t;
	client_target_free(t);
	err_set(e, ERR_INVALID, "URL: too long");
	return NULL;
}

static struct client_target *
target_new(const char *method, const char *url, struct err *e)
{
	struct client_target *t = NULL;
	struct parts p = { 0 };
	CURLU *u = curl_url();
	CURLUcode code =
	    curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
	if (code == CURLUE_OK)
		code = parts_get(u, &p);
	if (code == CURLUE_OK)
		t = target_of_parts(method, &p, e);
	else
		err_set(e, ERR_INVALID, "URL: %s", curl_url_strerror(code));
	parts_free(&p);
	curl_url_cleanup(u);
	return t;
}

struct client_target *
client_target_new(const char *url, struct err *e)
{
	return target_new("POST", url, e);
}

struct client_target *
client_target_new_options(const char *url, struct err *e)
{
	struct client_target *t = target_new("OPTIONS", url, e);
	if (t)
		t->bodiless = true;
	return t;
}

void
client_target_free(struct client_target *t)
{
	if (!t)
		return;
	client_origin_unref(t->origin);
	buf_free(&t->head);
	free(t);
}
