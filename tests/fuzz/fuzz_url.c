/* policy/url: the first byte chooses the policy, the rest is the URL. What is accepted has only
 * plain characters, is its own canonical form, means the same to libcurl, and is called an address
 * exactly when inet_pton reads it as one. A stricter policy accepts nothing more and changes
 * nothing. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/url.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same(const struct url *a, const struct url *b)
{
	return strcmp(a->text, b->text) == 0 && strcmp(a->host, b->host) == 0 &&
	       a->port == b->port && a->https == b->https && a->literal == b->literal;
}

static void
check_characters(const struct url *u)
{
	CHECK(strlen(u->text) <= URL_MAX);
	for (const char *c = u->text; *c != '\0'; c++)
		CHECK(*c > ' ' && *c < 0x7f && strchr("\\#\"<>^`{|}", *c) == NULL);

	const char *authority = strstr(u->text, "://") + 3;
	CHECK(strcspn(authority, "@%?") > strcspn(authority, "/"));
	CHECK(strspn(u->host, "abcdefghijklmnopqrstuvwxyz0123456789-_.:") == strlen(u->host));
	CHECK(u->host[0] != '\0' && strlen(u->host) <= 253);
	CHECK(u->port >= 1 && u->port <= 65535);
	CHECK(strncmp(u->text, u->https ? "https://" : "http://", u->https ? 8 : 7) == 0);
}

static void
check_host(const struct url *u)
{
	unsigned char address[16];
	char text[INET6_ADDRSTRLEN];
	const int family = strchr(u->host, ':') != NULL ? AF_INET6 : AF_INET;
	const bool literal = inet_pton(family, u->host, address) == 1;
	CHECK(u->literal == literal);
	CHECK(literal || family == AF_INET);
	if (literal) {
		CHECK(inet_ntop(family, address, text, sizeof(text)) != NULL);
		CHECK(strcmp(text, u->host) == 0);
	}
}

/* What libcurl will connect to when it is given the text. */
static void
check_with_libcurl(const struct url *u)
{
	char *host, *port, *text, wanted[260];
	CURLU *c = curl_url();
	CHECK(curl_url_set(c, CURLUPART_URL, u->text, 0) == CURLUE_OK);
	CHECK(curl_url_get(c, CURLUPART_HOST, &host, 0) == CURLUE_OK);
	CHECK(curl_url_get(c, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK);
	CHECK(curl_url_get(c, CURLUPART_URL, &text, 0) == CURLUE_OK);
	snprintf(wanted, sizeof(wanted), strchr(u->host, ':') ? "[%s]" : "%s", u->host);
	CHECK(strcmp(host, wanted) == 0);
	snprintf(wanted, sizeof(wanted), "%d", u->port);
	CHECK(strcmp(port, wanted) == 0);
	CHECK(strcmp(text, u->text) == 0);
	curl_free(host);
	curl_free(port);
	curl_free(text);
	curl_url_cleanup(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const struct url_policy p = { .https_only = data[0] & 1, .internal_names = data[0] & 2 };
	const struct url_policy open = { .https_only = false, .internal_names = true };
	const struct str text = { (const char *)data + 1, size - 1 };
	struct url u, again, unguarded;
	struct err e = { 0 };
	if (url_parse(text, &p, &u, &e) != 0) {
		CHECK(e.kind == ERR_INVALID && e.text[0] != '\0');
		return 0;
	}
	CHECK(!p.https_only || u.https);
	check_characters(&u);
	check_host(&u);
	check_with_libcurl(&u);
	CHECK(url_parse(str_of(u.text), &p, &again, &e) == 0 && same(&u, &again));
	CHECK(url_parse(text, &open, &unguarded, &e) == 0 && same(&u, &unguarded));
	return 0;
}
