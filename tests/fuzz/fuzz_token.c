/* policy/token on what anybody may send. The input is tried three ways: as a token; as header and
 * claims (cut at the first line feed) that are encoded and signed with our key, so that the parser
 * behind the signature sees it too; and the same signed with another key, which must never pass.
 * What passes keeps the promises of token.h and can be minted again. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"

#include "policy/name.h"
#include "policy/token.h"

#define NOW_S       INT64_C(1795252800)
#define INPUT_MAX   4096
#define SIGNED_SIZE (2 * INPUT_MAX)

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wall now = { NOW_S * USEC_PER_SEC };

static struct str
sign(struct str header, struct str claims, const struct secret *key, char out[SIGNED_SIZE])
{
	unsigned char mac[32];
	size_t n = b64url_encode(header.p, header.n, out);
	out[n++] = '.';
	n += b64url_encode(claims.p, claims.n, out + n);
	HMAC(EVP_sha256(), key->bytes, (int)key->len, (const unsigned char *)out, n, mac, NULL);
	out[n++] = '.';
	n += b64url_encode(mac, sizeof(mac), out + n);
	return (struct str){ out, n };
}

static void
check_accepted(const struct token *t, const struct secret *key)
{
	struct token again;
	struct err e;
	char text[TOKEN_TEXT_MAX];
	CHECK(str_starts(str_of(t->org), STR("org_")) && name_valid(str_of(t->org)));
	CHECK(t->app[0] == '\0' ||
	      (str_starts(str_of(t->app), STR("app_")) && name_valid(str_of(t->app))));
	CHECK(t->expires_s > NOW_S - 60);
	CHECK(strlen(t->feature_flags) < TOKEN_SCOPE_MAX);
	CHECK(t->app[0] != '\0' || t->feature_flags[0] == '\0');

	CHECK(token_mint(t->org, t->app[0] ? t->app : NULL, NULL, 0, key, now, 60, text, &e) == 0);
	CHECK(token_verify(str_of(text), key, now, &again, &e) == 0);
	CHECK(strcmp(again.org, t->org) == 0 && strcmp(again.app, t->app) == 0);
}

static void
verify(struct str text, const struct secret *key)
{
	struct token t = { .expires_s = 77 };
	struct err e = { 0 };
	if (token_verify(text, key, now, &t, &e) == 0) {
		check_accepted(&t, key);
		return;
	}
	CHECK(e.kind == ERR_UNAUTHENTICATED && e.text[0] != '\0' && e.origin[0] != '\0');
	CHECK(t.expires_s == 77);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct str plain = { "{\"alg\":\"HS256\"}", 15 };
	char text[SIGNED_SIZE];
	struct secret key, other;
	const struct str input = { (const char *)data, size };
	secret_set(&key, "0123456789abcdef", 16);
	secret_set(&other, "0123456789abcdeF", 16);

	verify(input, &key);
	if (size > INPUT_MAX)
		return 0;
	struct str claims = input, header;
	if (!str_split(&claims, '\n', &header))
		return 0;
	if (!claims.p) {
		claims = input;
		header = plain;
	}
	verify(sign(header, claims, &key, text), &key);

	struct token t;
	struct err e;
	CHECK(token_verify(sign(header, claims, &other, text), &key, now, &t, &e) == -1);
	return 0;
}
