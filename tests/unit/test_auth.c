/* Unit tests of api/auth: which headers pass, and that remembering a token does not outlive it. */
#include <stdio.h>

#include "base/attr.h"

#include "rest/auth.h"
#include "unit.h"

#define ORG "org_23rb8YdGqMT0qIzpgGwdXfHirMu"
#define NOW ((struct wall){ INT64_C(1700000000) * USEC_PER_SEC })

static struct token_key *key;
static struct auth *auth;

static struct wall
later(int64_t seconds)
{
	return (struct wall){ NOW.us + seconds * USEC_PER_SEC };
}

static void
mint(char header[TOKEN_TEXT_MAX + 16], const char *org, int64_t lifetime_s)
{
	char text[TOKEN_TEXT_MAX];
	struct err e;
	assert_int_equal(token_mint(org, NULL, NULL, 0, key, NOW, lifetime_s, text, &e), 0);
	snprintf(header, TOKEN_TEXT_MAX + 16, "Bearer %s", text);
}

static int
check(struct str header, struct wall now, struct token *ret)
{
	struct err e;
	int status = auth_check(auth, header, now, ret, &e);
	if (status)
		assert_int_equal(e.kind, ERR_UNAUTHENTICATED);
	return status;
}

static void
test_headers(void **state)
{
	const struct str bad[] = { { NULL, 0 }, STR(""), STR("Bearer"), STR("Bearer "),
		STR("Basic dXNlcjpwdw=="), STR("Bearer x"), STR("Bearer ..") };
	char header[TOKEN_TEXT_MAX + 16];
	struct token t;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(check(bad[i], NOW, &t), -1);
	mint(header, ORG, 60);
	assert_int_equal(check(str_of(header), NOW, &t), 0);
	assert_string_equal(t.org, ORG);
	memcpy(header, "bEARER", 6);
	assert_int_equal(check(str_of(header), NOW, &t), 0);
	header[6] = '-';
	assert_int_equal(check(str_of(header), NOW, &t), -1);
}

static void
test_a_remembered_token_expires(void **state)
{
	char header[TOKEN_TEXT_MAX + 16];
	struct token t;
	(void)state;
	mint(header, ORG, 3600);
	for (int i = 0; i < 3; i++)
		assert_int_equal(check(str_of(header), later(3599), &t), 0);
	assert_int_equal(check(str_of(header), later(3600 + 61), &t), -1);
	assert_int_equal(check(str_of(header), later(3600 + 61), &t), -1);
}

/* Far more tokens than are remembered: each answer is its own token's. */
static void
test_many_tokens(void **state)
{
	(void)state;
	for (int i = 0; i < 5000; i++) {
		char org[TOKEN_ORG_MAX + 1], header[TOKEN_TEXT_MAX + 16];
		struct token t;
		snprintf(org, sizeof(org), "org_%d", i % 2500);
		mint(header, org, 60);
		assert_int_equal(check(str_of(header), NOW, &t), 0);
		assert_string_equal(t.org, org);
		header[strlen(header) - 5] ^= 1;
		assert_int_equal(check(str_of(header), NOW, &t), -1);
	}
}

static int
set_up(void **state)
{
	(void)state;
	struct secret secret;
	const struct token_key_parts parts = { .alg = TOKEN_HS256, .secret = &secret };
	struct err e;
	if (secret_set(&secret, "0123456789abcdef0123456789abcdef", 32) ||
	    token_key_new(&parts, &key, &e))
		return -1;
	auth = auth_new(key);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	auth_free(auth);
	token_key_free(key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_a_remembered_token_expires),
		cmocka_unit_test(test_many_tokens),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
