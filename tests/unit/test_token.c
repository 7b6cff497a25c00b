/* Unit tests of policy/token: what is minted verifies, what a key holder may write is understood,
 * and everything else is "Invalid token". */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/b64.h"

#include "policy/token.h"
#include "unit.h"

#define NOW_S       INT64_C(1795252800)
#define HEADER      "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define SIGNED_SIZE 16384

static const struct wall now = { NOW_S * USEC_PER_SEC };
static struct secret secret;
static struct token_key *key;

static int
set_key(void **state)
{
	const struct token_key_parts parts = { .alg = TOKEN_HS256, .secret = &secret };
	struct err e;
	(void)state;
	return secret_set(&secret, "0123456789abcdef0123456789abcdef", 32) ||
	       token_key_new(&parts, &key, &e);
}

static int
free_key(void **state)
{
	(void)state;
	token_key_free(key);
	return 0;
}

/* The test's own signer: header and claims as they are. */
static struct str
signed_with(struct str header, struct str claims, const struct secret *with, char out[SIGNED_SIZE])
{
	unsigned char mac[32];
	size_t n = b64url_encode(header.p, header.n, out);
	out[n++] = '.';
	n += b64url_encode(claims.p, claims.n, out + n);
	HMAC(EVP_sha256(), with->bytes, (int)with->len, (const unsigned char *)out, n, mac, NULL);
	out[n++] = '.';
	n += b64url_encode(mac, sizeof(mac), out + n);
	return (struct str){ out, n };
}

/* Must be refused as `reason`, with the one text that clients see. */
static void
assert_refused(struct str text, struct wall at, const char *reason)
{
	struct token t = { .expires_s = 77 };
	struct err e = { 0 };
	if (token_verify(text, key, at, &t, &e) != -1)
		fail_msg("accepted: %.*s", STR_FMT(text));
	assert_int_equal(e.kind, ERR_UNAUTHENTICATED);
	assert_string_equal(e.text, "Invalid token");
	assert_string_equal(e.origin, reason);
	assert_int_equal(t.expires_s, 77); /* written only on success */
}

static void
test_mint(void **state)
{
	static const char *const flags[] = { "beta", "new-ui.v2" };
	struct token t;
	struct err e;
	char text[TOKEN_TEXT_MAX];
	(void)state;
	assert_int_equal(
	    token_mint("org_23rb8YdGqMT0qIzpgGwdXfHirMu", NULL, NULL, 0, key, now, 3600, text, &e),
	    0);
	assert_int_equal(token_verify(str_of(text), key, now, &t, &e), 0);
	assert_string_equal(t.org, "org_23rb8YdGqMT0qIzpgGwdXfHirMu");
	assert_string_equal(t.app, "");
	assert_string_equal(t.feature_flags, "");
	assert_int_equal(t.expires_s, NOW_S + 3600);

	assert_int_equal(token_mint("org_x", "app_y-Z_9", flags, 2, key, now, 1, text, &e), 0);
	assert_int_equal(token_verify(str_of(text), key, now, &t, &e), 0);
	assert_string_equal(t.org, "org_x");
	assert_string_equal(t.app, "app_y-Z_9");
	assert_string_equal(t.feature_flags, "beta new-ui.v2");
}

static void
test_mint_is_stable(void **state)
{
	char text[TOKEN_TEXT_MAX];
	struct err e;
	(void)state;
	assert_int_equal(token_mint("org_x", NULL, NULL, 0, key, now, 60, text, &e), 0);
	/* Computed by another implementation from
	 * {"iss":"posthorn","iat":1795252800,"nbf":1795252800, "exp":1795252860,"sub":"org_x"}. */
	assert_string_equal(text,
	    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
	    "eyJpc3MiOiJwb3N0aG9ybiIsImlhdCI6MTc5NTI1MjgwMCwibmJmIjoxNzk1MjUyODAwLCJleHAiOjE3OTUyNTI4NjAsInN1YiI6Im9yZ194In0."
	    "8WI4F941V3dPCiCpM0GGaDcQuBJEr3ndazCor6sbpiY");
}

static void
test_mint_refuses(void **state)
{
	static const struct {
		const char *org;
		const char *app;
		const char *flag;
		int64_t lifetime_s;
	} cases[] = {
		{ "", NULL, NULL, 60 },
		{ "x", NULL, NULL, 60 },
		{ "org_", NULL, NULL, 60 },
		{ "ORG_x", NULL, NULL, 60 },
		{ "org_a.b", NULL, NULL, 60 },
		{ "org_a b", NULL, NULL, 60 },
		{ "org_a\"", NULL, NULL, 60 },
		{ "app_x", NULL, NULL, 60 },
		{ "org_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL,
		    60 },
		{ "org_x", "", NULL, 60 },
		{ "org_x", "app_", NULL, 60 },
		{ "org_x", "org_y", NULL, 60 },
		{ "org_x", "app_a.b", NULL, 60 },
		{ "org_x", "app_y", "", 60 },
		{ "org_x", "app_y", "a b", 60 },
		{ "org_x", "app_y", "a\"", 60 },
		{ "org_x", NULL, "beta", 60 },
		{ "org_x", NULL, NULL, 0 },
		{ "org_x", NULL, NULL, -1 },
		{ "org_x", NULL, NULL, INT64_MAX },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[TOKEN_TEXT_MAX] = "untouched";
		struct err e = { 0 };
		assert_int_equal(
		    token_mint(cases[i].org, cases[i].app, &cases[i].flag, cases[i].flag != NULL,
			key, now, cases[i].lifetime_s, text, &e),
		    -1);
		assert_int_equal(e.kind, ERR_INVALID);
		assert_string_equal(text, "untouched");
	}
}

/* The largest that can be minted fits TOKEN_TEXT_MAX and verifies; one flag more is refused. */
static void
test_mint_largest(void **state)
{
	static const char id[] = "_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	const char *flags[TOKEN_SCOPE_MAX / 2 + 1];
	char org[TOKEN_ORG_MAX + 1], app[TOKEN_ORG_MAX + 1];
	struct token t;
	struct err e;
	(void)state;
	snprintf(org, sizeof(org), "org%s", id);
	snprintf(app, sizeof(app), "app%s", id);
	assert_int_equal(strlen(org), TOKEN_ORG_MAX);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		flags[i] = "f";
	char *text = malloc(TOKEN_TEXT_MAX);
	assert_int_equal(
	    token_mint(org, app, flags, TOKEN_SCOPE_MAX / 2, key, now, 60, text, &e), 0);
	assert_int_equal(token_verify(str_of(text), key, now, &t, &e), 0);
	assert_int_equal(strlen(t.feature_flags), TOKEN_SCOPE_MAX - 1);
	assert_string_equal(t.app, app);
	flags[0] = "ff"; /* a byte more: its NUL would not fit */
	assert_int_equal(
	    token_mint(org, app, flags, TOKEN_SCOPE_MAX / 2, key, now, 60, text, &e), -1);
	flags[0] = "f";
	assert_int_equal(
	    token_mint(org, app, flags, TOKEN_SCOPE_MAX / 2 + 1, key, now, 60, text, &e), -1);
	free(text);
}

static void
test_claims(void **state)
{
	static const struct {
		const char *header;
		const char *claims;
		const char *org;
		const char *app;
		const char *flags;
		int64_t expires_s;
	} cases[] = {
		/* As the Svix server and its command line make them. */
		{ HEADER,
		    "{\"iat\":1655140639,\"exp\":1970500639,\"nbf\":1655140639,\"iss\":\"svix-server\","
		    "\"sub\":\"org_23rb8YdGqMT0qIzpgGwdXfHirMu\"}",
		    "org_23rb8YdGqMT0qIzpgGwdXfHirMu", "", "", 1970500639 },
		{ HEADER, "{\"sub\":\"app_1\",\"org\":\"org_1\"}", "org_1", "app_1", "",
		    INT64_MAX },
		{ HEADER, "{\"sub\":\"app_1\",\"org\":\"org_1\",\"feature_flags\":[]}", "org_1",
		    "app_1", "", INT64_MAX },
		{ HEADER, "{\"sub\":\"app_1\",\"org\":\"org_1\",\"feature_flags\":null}", "org_1",
		    "app_1", "", INT64_MAX },
		{ HEADER, "{\"sub\":\"app_1\",\"org\":\"org_1\",\"feature_flags\":[\"a\",\"b\"]}",
		    "org_1", "app_1", "a b", INT64_MAX },
		/* typ and unknown members mean nothing. */
		{ "{\"alg\":\"HS256\"}", "{\"sub\":\"org_1\"}", "org_1", "", "", INT64_MAX },
		{ "{\"typ\":1,\"alg\":\"HS256\",\"kid\":\"x\"}", "{\"sub\":\"org_1\",\"aud\":[1]}",
		    "org_1", "", "", INT64_MAX },
		{ " { \"alg\" : \"\\u0048S256\" } ", " { \"sub\" : \"\\u006frg_1\" } ", "org_1", "",
		    "", INT64_MAX },
		/* A NumericDate may have a fraction. */
		{ HEADER, "{\"sub\":\"org_1\",\"exp\":1795252900.75,\"nbf\":1.5}", "org_1", "", "",
		    1795252900 },
		/* On an organisation token the members of the other kind mean nothing. */
		{ HEADER, "{\"sub\":\"org_1\",\"org\":\"org_2\",\"feature_flags\":[\"a\"]}",
		    "org_1", "", "", INT64_MAX },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[SIGNED_SIZE];
		struct token t;
		struct err e = { 0 };
		struct str s =
		    signed_with(str_of(cases[i].header), str_of(cases[i].claims), &secret, text);
		if (token_verify(s, key, now, &t, &e))
			fail_msg("%s: %s (%s)", cases[i].claims, e.text, e.origin);
		assert_string_equal(t.org, cases[i].org);
		assert_string_equal(t.app, cases[i].app);
		assert_string_equal(t.feature_flags, cases[i].flags);
		assert_int_equal(t.expires_s, cases[i].expires_s);
	}
}

/* What a token of an application may do, and by what it can be revoked. */
static void
test_limits(void **state)
{
	static const struct {
		const char *claims; /* behind sub and org */
		unsigned may;
		const char *session;
		int64_t version, issued_s;
	} cases[] = {
		{ "", TOKEN_MAY_EVERYTHING, "", 0, INT64_MIN },
		{ ",\"capabilities\":[]", 0, "", 0, INT64_MIN },
		{ ",\"capabilities\":[\"ViewBase\",\"CreateAttempts\"]",
		    TOKEN_MAY_VIEW | TOKEN_MAY_ATTEMPT, "", 0, INT64_MIN },
		{ ",\"capabilities\":[\"ViewBase\",\"RuleTheWorld\"]", TOKEN_MAY_VIEW, "", 0,
		    INT64_MIN },
		{ ",\"capabilities\":[\"viewbase\",\"\"]", 0, "", 0, INT64_MIN },
		{ ",\"session_id\":\"user-7\",\"version\":12,\"iat\":1795252799",
		    TOKEN_MAY_EVERYTHING, "user-7", 12, 1795252799 },
		{ ",\"iat\":5.5", TOKEN_MAY_EVERYTHING, "", 0, 5 },
		{ ",\"iat\":\"5\"", TOKEN_MAY_EVERYTHING, "", 0, INT64_MIN },
	};
	static const char *const refused[] = { ",\"capabilities\":null", ",\"capabilities\":{}",
		",\"capabilities\":\"ViewBase\"", ",\"capabilities\":[1]", ",\"session_id\":\"s\"",
		",\"session_id\":1", ",\"session_id\":null", ",\"session_id\":\"\"",
		",\"session_id\":\"a b\"", ",\"version\":-1", ",\"version\":\"1\"",
		",\"version\":1.5" };
	char claims[512], text[SIGNED_SIZE];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct token t;
		struct err e = { 0 };
		snprintf(claims, sizeof(claims), "{\"sub\":\"app_1\",\"org\":\"org_1\"%s}",
		    cases[i].claims);
		struct str s = signed_with(STR(HEADER), str_of(claims), &secret, text);
		if (token_verify(s, key, now, &t, &e))
			fail_msg("%s: %s (%s)", claims, e.text, e.origin);
		assert_int_equal(t.may, cases[i].may);
		assert_string_equal(t.session, cases[i].session);
		assert_int_equal(t.version, cases[i].version);
		assert_int_equal(t.issued_s, cases[i].issued_s);
		assert_int_equal(strlen(t.print), TOKEN_PRINT_SIZE - 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		snprintf(
		    claims, sizeof(claims), "{\"sub\":\"app_1\",\"org\":\"org_1\"%s}", refused[i]);
		assert_refused(
		    signed_with(STR(HEADER), str_of(claims), &secret, text), now, "claims");
	}
}

/* However long it says that it lives: after a week from its iat the revocation of its session is
 * forgotten. */
static void
test_a_session_ends(void **state)
{
	const struct {
		const char *dates;
		int64_t at_s, expires_s; /* relative to NOW_S; 0: refused by then */
	} cases[] = {
		{ ",\"iat\":1795252800", 0, 604800 },
		{ ",\"iat\":1795252800,\"exp\":1995252800", 604800 + 59, 604800 },
		{ ",\"iat\":1795252800,\"exp\":1995252800", 604800 + 60, 0 },
		{ ",\"iat\":1795252800", 604800 + 60, 0 },
		{ ",\"iat\":1795252800,\"exp\":1795252900", 0, 100 },
		{ ",\"iat\":-1000000000000000", 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char claims[256], text[SIGNED_SIZE];
		struct token t;
		struct err e;
		struct wall at = { now.us + cases[i].at_s * USEC_PER_SEC };
		snprintf(claims, sizeof(claims),
		    "{\"sub\":\"app_1\",\"org\":\"org_1\",\"session_id\":\"s\"%s}", cases[i].dates);
		struct str s = signed_with(STR(HEADER), str_of(claims), &secret, text);
		if (!cases[i].expires_s) {
			assert_refused(s, at, "expired");
			continue;
		}
		assert_int_equal(token_verify(s, key, at, &t, &e), 0);
		assert_int_equal(t.expires_s, NOW_S + cases[i].expires_s);
	}
}

static void
test_a_grant_comes_back(void **state)
{
	char session[TOKEN_SESSION_MAX + 2], text[TOKEN_TEXT_MAX], other[TOKEN_TEXT_MAX];
	struct token t, u;
	struct err e;
	(void)state;
	memset(session, 's', sizeof(session));
	session[TOKEN_SESSION_MAX] = '\0';
	struct token_grant g = { .org = "org_1",
		.app = "app_1",
		.may = TOKEN_MAY_VIEW | TOKEN_MAY_MANAGE,
		.session = session,
		.version = INT64_MAX };
	assert_int_equal(token_mint_grant(&g, key, now, 60, text, &e), 0);
	assert_int_equal(token_verify(str_of(text), key, now, &t, &e), 0);
	assert_int_equal(t.may, g.may);
	assert_string_equal(t.session, session);
	assert_int_equal(t.version, INT64_MAX);
	assert_int_equal(t.issued_s, NOW_S);
	g.version--;
	assert_int_equal(token_mint_grant(&g, key, now, 60, other, &e), 0);
	assert_int_equal(token_verify(str_of(other), key, now, &u, &e), 0);
	assert_string_not_equal(t.print, u.print);
	session[TOKEN_SESSION_MAX] = 's';
	session[TOKEN_SESSION_MAX + 1] = '\0';
	assert_int_equal(token_mint_grant(&g, key, now, 60, text, &e), -1);
	assert_int_equal(e.kind, ERR_INVALID);
}

static void
test_dates(void **state)
{
	static const struct {
		const char *claims;
		int64_t at_s;       /* relative to NOW_S */
		const char *reason; /* NULL: accepted */
	} cases[] = {
		{ "{\"sub\":\"org_1\",\"exp\":1795252800}", 0, NULL },
		{ "{\"sub\":\"org_1\",\"exp\":1795252800}", 59, NULL },
		{ "{\"sub\":\"org_1\",\"exp\":1795252800}", 60, "expired" },
		{ "{\"sub\":\"org_1\",\"nbf\":1795252800}", -60, NULL },
		{ "{\"sub\":\"org_1\",\"nbf\":1795252800}", -61, "not yet valid" },
		{ "{\"sub\":\"org_1\",\"exp\":0}", 0, "expired" },
		{ "{\"sub\":\"org_1\",\"exp\":-1}", 0, "expired" },
		{ "{\"sub\":\"org_1\",\"iat\":99999999999}", 0, NULL }, /* says nothing about now */
		{ "{\"sub\":\"org_1\",\"exp\":1000000000000000}", 0, NULL },
		{ "{\"sub\":\"org_1\",\"exp\":1000000000000001}", 0, "claims" },
		{ "{\"sub\":\"org_1\",\"exp\":9223372036854775807}", 0, "claims" },
		{ "{\"sub\":\"org_1\",\"exp\":1e300}", 0, "claims" },
		{ "{\"sub\":\"org_1\",\"exp\":-1e300}", 0, "claims" },
		{ "{\"sub\":\"org_1\",\"nbf\":-9223372036854775808}", 0, "claims" },
		{ "{\"sub\":\"org_1\",\"exp\":\"1795252900\"}", 0, "claims" },
		{ "{\"sub\":\"org_1\",\"exp\":null}", 0, "claims" },
		{ "{\"sub\":\"org_1\",\"nbf\":true}", 0, "claims" },
		{ "{\"sub\":\"org_1\",\"exp\":92233720368547758070}", 0, "malformed" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[SIGNED_SIZE];
		struct token t;
		struct err e = { 0 };
		struct str s = signed_with(STR(HEADER), str_of(cases[i].claims), &secret, text);
		struct wall at = { now.us + cases[i].at_s * USEC_PER_SEC };
		if (cases[i].reason)
			assert_refused(s, at, cases[i].reason);
		else if (token_verify(s, key, at, &t, &e))
			fail_msg("%s: %s", cases[i].claims, e.origin);
	}
}

static void
test_claims_refused(void **state)
{
	const struct {
		struct str header;
		struct str claims;
		const char *reason;
	} cases[] = {
		/* Signed with our key, and still not HS256. */
		{ STR("{\"alg\":\"none\"}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{\"alg\":\"HS384\"}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{\"alg\":\"RS256\"}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{\"alg\":\"hs256\"}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{\"alg\":\"HS256 \"}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{\"alg\":[\"HS256\"]}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{\"alg\":256}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{\"alg\":null}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{}"), STR("{\"sub\":\"org_1\"}"), "algorithm" },
		{ STR("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}"), STR("{\"sub\":\"org_1\"}"),
		    "algorithm" },
		{ STR("{\"alg\":\"none\",\"alg\":\"HS256\"}"), STR("{\"sub\":\"org_1\"}"),
		    "malformed" },
		{ STR("{\"alg\":\"HS256\"} {}"), STR("{\"sub\":\"org_1\"}"), "malformed" },
		{ STR("\"HS256\""), STR("{\"sub\":\"org_1\"}"), "malformed" },
		{ STR(""), STR("{\"sub\":\"org_1\"}"), "malformed" },
		{ STR("\xff"), STR("{\"sub\":\"org_1\"}"), "malformed" },
		{ STR(HEADER), STR(""), "malformed" },
		{ STR(HEADER), STR("{"), "malformed" },
		{ STR(HEADER), STR("[]"), "malformed" },
		{ STR(HEADER), STR("{\"sub\":\"org_1\",}"), "malformed" },
		{ STR(HEADER), STR("{\"sub\":\"org_1\"}\0"), "malformed" },
		{ STR(HEADER), STR("{\"sub\":\"org_1\\u0000\"}"), "malformed" },
		{ STR(HEADER), STR("{\"sub\":\"org_\xff\"}"), "malformed" },
		{ STR(HEADER), STR("{\"sub\":\"org_1\",\"sub\":\"org_2\"}"), "malformed" },
		{ STR(HEADER), STR("{}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":null}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":1}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"org_\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"ORG_1\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\" org_1\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"org_a.b\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"org_a/b\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"org_\\n\"}"), "claims" },
		{ STR(HEADER),
		    STR("{\"sub\":\"org_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"),
		    "claims" },
		{ STR(HEADER), STR("{\"sub\":\"usr_1\",\"org\":\"org_1\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"app_1\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"app_1\",\"org\":\"\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"app_1\",\"org\":\"app_1\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"app_\",\"org\":\"org_1\"}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"app_1\",\"org\":[\"org_1\"]}"), "claims" },
		{ STR(HEADER), STR("{\"sub\":\"app_1\",\"org\":\"org_1\",\"feature_flags\":\"a\"}"),
		    "claims" },
		{ STR(HEADER), STR("{\"sub\":\"app_1\",\"org\":\"org_1\",\"feature_flags\":[1]}"),
		    "claims" },
		{ STR(HEADER),
		    STR("{\"sub\":\"app_1\",\"org\":\"org_1\",\"feature_flags\":[\"a b\"]}"),
		    "claims" },
		{ STR(HEADER),
		    STR("{\"sub\":\"app_1\",\"org\":\"org_1\",\"feature_flags\":[\"\"]}"),
		    "claims" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[SIGNED_SIZE];
		assert_refused(signed_with(cases[i].header, cases[i].claims, &secret, text), now,
		    cases[i].reason);
	}
}

/* Text that nobody signed. */
static void
test_hostile(void **state)
{
	const struct {
		struct str text;
		const char *reason;
	} cases[] = {
		{ { NULL, 0 }, "malformed" },
		{ STR(""), "malformed" },
		{ STR("x"), "malformed" },
		{ STR("."), "malformed" },
		{ STR(".."), "malformed" },
		{ STR("..."), "malformed" },
		{ STR("a.b"), "malformed" },
		{ STR("a.b.c"), "malformed" },
		{ STR("\0.\0.\0"), "malformed" },
		/* {"alg":"none"} with no signature, the oldest trick. */
		{ STR("eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmdfMSJ9."), "malformed" },
		{ STR("eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmdfMSJ9"), "malformed" },
		{ STR("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9."
		      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		    "signature" },
		/* 31 and 33 bytes, the standard alphabet, padding, bits that must be zero. */
		{ STR("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9."
		      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		    "malformed" },
		{ STR("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9."
		      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		    "malformed" },
		{ STR("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9."
		      "++++AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		    "malformed" },
		{ STR("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9."
		      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
		    "malformed" },
		{ STR("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9."
		      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"),
		    "malformed" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(cases[i].text, now, cases[i].reason);
}

/* A valid token with any one byte changed, any byte cut off, or anything added, is none. */
static void
test_tampered(void **state)
{
	char text[SIGNED_SIZE];
	struct str whole = signed_with(STR(HEADER), STR("{\"sub\":\"org_1\"}"), &secret, text);
	struct token t;
	struct err e;
	(void)state;
	assert_int_equal(token_verify(whole, key, now, &t, &e), 0);
	for (size_t i = 0; i < whole.n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ (1 << bit));
			assert_int_equal(token_verify(whole, key, now, &t, &e), -1);
			text[i] = (char)(text[i] ^ (1 << bit));
		}
		char *cut = malloc(i + 1); /* of its exact size, for the sanitizer */
		memcpy(cut + 1, text, i);
		assert_int_equal(token_verify((struct str){ cut + 1, i }, key, now, &t, &e), -1);
		free(cut);
	}
	text[whole.n] = '.';
	assert_refused((struct str){ text, whole.n + 1 }, now, "malformed");
	text[whole.n] = ' ';
	assert_refused((struct str){ text, whole.n + 1 }, now, "malformed");
	assert_int_equal(token_verify(whole, key, now, &t, &e), 0);
}

static void
test_other_keys(void **state)
{
	char text[SIGNED_SIZE];
	struct secret other, none = { .len = 0 };
	struct err e;
	(void)state;
	assert_int_equal(secret_set(&other, "0123456789abcdef0123456789abcdeF", 32), 0);
	assert_refused(
	    signed_with(STR(HEADER), STR("{\"sub\":\"org_1\"}"), &other, text), now, "signature");
	/* There is no server with an empty key: anybody could sign with that one. */
	const struct token_key_parts parts = { .alg = TOKEN_HS256, .secret = &none };
	struct token_key *ret;
	assert_int_equal(token_key_new(&parts, &ret, &e), -1);
	assert_int_equal(e.kind, ERR_CONFIG);
}

static void
test_key_as_token(void **state)
{
	struct token t;
	struct err e = { 0 };
	(void)state;
	assert_int_equal(
	    token_verify((struct str){ (const char *)secret.bytes, secret.len }, key, now, &t, &e),
	    -1);
	assert_int_equal(e.kind, ERR_UNAUTHENTICATED);
	assert_string_not_equal(e.text, "Invalid token");
	assert_null(strstr(e.text, "0123456789"));
}

static void
test_sizes(void **state)
{
	static char padding[SIGNED_SIZE / 2];
	char text[SIGNED_SIZE], claims[SIGNED_SIZE / 2];
	struct token t;
	struct err e;
	(void)state;
	memset(padding, 'p', sizeof(padding));
	/* The longest text that is looked at has TOKEN_TEXT_MAX - 1 bytes. 4 of base 64 for 3: not
	 * every length can be met, so the largest below and the smallest above. */
	size_t below = 0, above = 0;
	for (int n = 2050; n < 2260; n++) {
		int len = snprintf(
		    claims, sizeof(claims), "{\"sub\":\"org_1\",\"x\":\"%.*s\"}", n, padding);
		struct str s =
		    signed_with(STR(HEADER), (struct str){ claims, (size_t)len }, &secret, text);
		if (s.n < TOKEN_TEXT_MAX) {
			assert_int_equal(token_verify(s, key, now, &t, &e), 0);
			below = s.n;
		} else {
			assert_refused(s, now, "too long");
			above = above ? above : s.n;
		}
	}
	assert_in_range(below, TOKEN_TEXT_MAX - 3, TOKEN_TEXT_MAX - 1);
	assert_in_range(above, TOKEN_TEXT_MAX, TOKEN_TEXT_MAX + 2);

	char *huge = malloc(1 << 20);
	memset(huge, '.', 1 << 20);
	assert_refused((struct str){ huge, 1 << 20 }, now, "too long");
	free(huge);

	/* As deep as a token can be. */
	memset(claims, '[', 2200);
	assert_refused(signed_with(STR(HEADER), (struct str){ claims, 2200 }, &secret, text), now,
	    "malformed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mint),
		cmocka_unit_test(test_mint_is_stable),
		cmocka_unit_test(test_mint_refuses),
		cmocka_unit_test(test_mint_largest),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_a_session_ends),
		cmocka_unit_test(test_a_grant_comes_back),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_claims_refused),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_key_as_token),
		cmocka_unit_test(test_sizes),
	};
	return cmocka_run_group_tests(tests, set_key, free_key);
}
