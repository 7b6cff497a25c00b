/* What an endpoint's URL may be, and its one spelling.
 *
 * Three parsers could disagree on a hostile URL: this one, the reader's, and libcurl's when it
 * connects. So what they are known to disagree on is refused (user information, backslashes,
 * blanks, fragments, missing slashes); the rest is brought into plain ASCII here and handed to
 * libcurl's URL API once, and what libcurl understood is judged and kept. Its part is the spelling
 * of IPv4 addresses (127.1, 0x7f000001, 017700000001, 2130706433), dot segments and default ports.
 * That parsing the result again changes nothing is checked by tests/fuzz/fuzz_url.c.
 *
 * Rules: RFC 3986; host.c for hosts; the bad ports of browsers (https://fetch.spec.whatwg.org).
 * Runs when an endpoint is written, never when an event is delivered. */
#include "policy/url.h"

#include <curl/curl.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#include "policy/host.h"

/* The parts of a URL as they were written: borrowed from its text. */
struct parts {
	bool https;
	bool bracketed;  /* host is what stands between brackets */
	struct str host; /* not empty */
	int port;        /* 0 when none is given */
	struct str rest; /* path and query; empty, or starts with '/' or '?' */
};

static int check_bytes(struct str text, struct err *e);
static int split(struct str text, struct parts *ret, struct err *e);
static int normalise(const struct parts *parts, const char *host, struct url *ret, struct err *e);
static int judge_host(const struct url_policy *p, struct url *u, struct err *e);
static int judge_port(int port, struct err *e);

int
url_parse(struct str text, const struct url_policy *p, struct url *ret, struct err *e)
{
	struct parts parts = { .port = 0 };
	char host[HOST_MAX + 1] = "";
	struct url u = { .port = 0 };
	if (check_bytes(text, e) != 0 || split(text, &parts, e) != 0)
		return -1;
	if (p->https_only && !parts.https)
		return err_set(e, ERR_INVALID, "the URL must start with https://");
	const int rc = parts.bracketed ? host_from_ipv6(parts.host, host, e)
				       : host_from_name(parts.host, host, e);
	if (rc != 0 || normalise(&parts, host, &u, e) != 0)
		return -1;
	if (judge_host(p, &u, e) != 0 || judge_port(u.port, e) != 0)
		return -1;
	*ret = u;
	return 0;
}

/* Length, encoding, and the bytes that have no place in any part of a URL. */
static int
check_bytes(struct str text, struct err *e)
{
	if (text.n > URL_MAX)
		return err_set(e, ERR_INVALID, "the URL is longer than %d bytes", URL_MAX);
	for (size_t i = 0; i < text.n; i++) {
		const unsigned char c = (unsigned char)text.p[i];
		if (c <= ' ' || c == 0x7f)
			return err_set(
			    e, ERR_INVALID, "the URL holds a blank or control character");
		if (c == '\\')
			return err_set(e, ERR_INVALID, "the URL holds a backslash");
		if (c == '#')
			return err_set(e, ERR_INVALID, "the URL has a fragment");
	}
	if (!utf8_valid(text.p, text.n))
		return err_set(e, ERR_INVALID, "the URL is not valid UTF-8");
	return 0;
}

/* Splits "host", "host:port", "[host]" and "[host]:port"; *ret_port may be empty. */
static int
split_authority(struct str authority, struct parts *ret, struct str *ret_port, struct err *e)
{
	struct str rest = authority;
	*ret_port = (struct str){ NULL, 0 };
	if (memchr(authority.p, '@', authority.n) != NULL)
		return err_set(e, ERR_INVALID, "the URL holds user information");

	ret->bracketed = authority.n > 0 && authority.p[0] == '[';
	if (!ret->bracketed) {
		str_split(&rest, ':', &ret->host);
		*ret_port = rest;
		return 0;
	}
	rest.p++;
	rest.n--;
	str_split(&rest, ']', &ret->host);
	if (rest.p == NULL || (rest.n > 0 && rest.p[0] != ':'))
		return err_set(e, ERR_INVALID, "the URL has a malformed IPv6 address");
	if (rest.n > 0)
		*ret_port = (struct str){ rest.p + 1, rest.n - 1 };
	return 0;
}

static int
split(struct str text, struct parts *ret, struct err *e)
{
	static const struct {
		const char *text;
		bool https;
	} schemes[] = { { "https://", true }, { "http://", false } };
	struct str rest = { NULL, 0 };
	for (size_t i = 0; i < ARRAY_LEN(schemes) && rest.p == NULL; i++) {
		const size_t n = strlen(schemes[i].text);
		if (text.n < n ||
		    !str_eq_nocase((struct str){ text.p, n }, str_of(schemes[i].text)))
			continue;
		rest = (struct str){ text.p + n, text.n - n };
		ret->https = schemes[i].https;
	}
	if (rest.p == NULL)
		return err_set(e, ERR_INVALID, "the URL must start with https:// or http://");

	struct str authority = { rest.p, 0 }, port;
	while (authority.n < rest.n && rest.p[authority.n] != '/' && rest.p[authority.n] != '?')
		authority.n++;
	ret->rest = (struct str){ rest.p + authority.n, rest.n - authority.n };
	if (split_authority(authority, ret, &port, e) != 0)
		return -1;
	if (ret->host.n == 0)
		return err_set(e, ERR_INVALID, "the URL has no host");

	int64_t number = 0;
	if (port.n > 0 && str_to_i64(port, 1, 65535, &number) != 0)
		return err_set(e, ERR_INVALID, "the port is not a number from 1 to 65535");
	ret->port = (int)number;
	return 0;
}

/* Adds path and query; what RFC 3986 has no place for is percent-encoded, as browsers do. Brackets
 * stay: "?a[]=1" is common, and nothing on the way minds. */
static void
add_encoded(struct buf *b, struct str rest)
{
	for (size_t i = 0; i < rest.n; i++) {
		const unsigned char c = (unsigned char)rest.p[i];
		if (c >= 0x80 || strchr("\"<>^`{|}", c) != NULL)
			buf_addf(b, "%%%02X", c);
		else
			buf_addc(b, (char)c);
	}
}

/* Copies what libcurl found into *ret. */
static int
keep(const char *host, const char *port, const char *text, struct url *ret, struct err *e)
{
	const bool bracketed = host[0] == '[';
	const size_t host_len = strlen(host) - (bracketed ? 2 : 0), text_len = strlen(text);
	int64_t number;
	if (text_len > URL_MAX) /* so that it can be parsed again */
		return err_set(e, ERR_INVALID, "the URL is longer than %d bytes", URL_MAX);
	if (host_len > HOST_MAX || str_to_i64(str_of(port), 1, 65535, &number) != 0)
		return err_set(e, ERR_INVALID, "the URL is malformed");
	memcpy(ret->host, bracketed ? host + 1 : host, host_len);
	ret->host[host_len] = '\0';
	memcpy(ret->text, text, text_len + 1);
	ret->port = (int)number;
	return 0;
}

/* Reads a URL that is plain ASCII and has no ambiguous part left. */
static int
read_with_libcurl(const char *draft, struct url *ret, struct err *e)
{
	char *host = NULL, *port = NULL, *text = NULL;
	CURLU *u = curl_url();
	CURLUcode rc = curl_url_set(u, CURLUPART_URL, draft, CURLU_DISALLOW_USER);
	if (rc == CURLUE_OK)
		rc = curl_url_get(u, CURLUPART_HOST, &host, 0);
	if (rc == CURLUE_OK)
		rc = curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	if (rc == CURLUE_OK)
		rc = curl_url_get(u, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT);

	int result = -1;
	if (rc == CURLUE_OK)
		result = keep(host, port, text, ret, e);
	else
		err_set(e, ERR_INVALID, "the URL is malformed: %s", curl_url_strerror(rc));
	curl_free(host);
	curl_free(port);
	curl_free(text);
	curl_url_cleanup(u);
	return result;
}

/* From the parts, the host replaced by its ASCII form, to the canonical URL. */
static int
normalise(const struct parts *parts, const char *host, struct url *ret, struct err *e)
{
	struct buf draft;
	buf_init(&draft, URL_MAX);
	buf_adds(&draft, parts->https ? "https://" : "http://");
	buf_addf(&draft, parts->bracketed ? "[%s]" : "%s", host);
	if (parts->port != 0)
		buf_addf(&draft, ":%d", parts->port);
	add_encoded(&draft, parts->rest);

	ret->https = parts->https;

	int result = -1;
	if (draft.failed)
		err_set(e, ERR_INVALID, "the URL is longer than %d bytes", URL_MAX);
	else
		result = read_with_libcurl(draft.data, ret, e);
	buf_free(&draft);
	return result;
}

/* Is the host an address, and if it is a name, may it be that one? */
static int
judge_host(const struct url_policy *p, struct url *u, struct err *e)
{
	u->literal = host_is_address(u->host);
	if (u->literal)
		return 0;
	if (host_ends_in_number(u->host))
		return err_set(e, ERR_INVALID, "the host is a malformed IPv4 address");
	if (!p->internal_names && host_is_internal(u->host))
		return err_set(e, ERR_INVALID, "the host is an internal name");
	return 0;
}

/* A POST to these could be taken for something else by what listens there. */
/* clang-format off */
static const uint16_t bad_ports[] = {
	/* the list of https://fetch.spec.whatwg.org/#port-blocking, with 0 refused before */
	1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
	102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389,
	427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636,
	989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665,
	6666, 6667, 6668, 6669, 6679, 6697, 10080,
	/* what browsers do not know: databases, caches, control planes */
	5432,                               /* PostgreSQL */
	6379,                               /* Redis */
	11211,                              /* memcached */
	2375, 2376, 2377, 2378, 2379, 2380, /* Docker, Swarm, etcd */
	6443, 10250,                        /* Kubernetes: API server, kubelet */
	9200,                               /* Elasticsearch */
};
/* clang-format on */

static int
judge_port(int port, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_ports); i++) {
		if (port == bad_ports[i])
			return err_set(e, ERR_INVALID, "port %d is not allowed", port);
	}
	return 0;
}
