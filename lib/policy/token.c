/* Bearer tokens: the compact form of RFC 7515.
 *
 * The signature is checked first, with the key's own algorithm, whatever the header claims about
 * it: the JSON parser sees only what a holder of the key wrote, and "alg":"none" never gets that
 * far. Strict all the same: three parts, canonical base 64, no member twice. The text of every
 * refusal is the same; why it was refused stands in the origin, for the log. */
#include "policy/token.h"

#include <jansson.h>
#include <stdio.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/jw.h"

#include "policy/name.h"

#define LEEWAY_S       60                        /* of clocks that differ */
#define NUMBER_MAX     INT64_C(1000000000000000) /* seconds; exact in a double */
#define LIFETIME_MAX_S (INT64_C(100) * 366 * 86400)

const char *const token_capabilities[TOKEN_CAPABILITIES] = { "ViewBase", "ViewEndpointSecret",
	"ManageEndpointSecret", "ManageTransformations", "CreateAttempts", "ManageEndpoint" };

unsigned
token_capability(struct str name)
{
	for (int i = 0; i < TOKEN_CAPABILITIES; i++)
		if (str_eq(name, str_of(token_capabilities[i])))
			return 1U << i;
	return 0;
}

static int
refuse(struct err *e, const char *reason)
{
	err_set(e, ERR_UNAUTHENTICATED, "Invalid token");
	snprintf(e->origin, sizeof(e->origin), "%s", reason);
	return -1;
}

static void
release(json_t **j)
{
	json_decref(*j);
}

/* A part of the token as a JSON object; NULL when it is none. The caller owns it. */
static json_t *
load_part(struct str part)
{
	char text[TOKEN_TEXT_MAX];
	size_t n;
	if (b64url_decode(part, text, sizeof(text), &n))
		return NULL;
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	if (j && !json_is_object(j)) {
		json_decref(j);
		return NULL;
	}
	return j;
}

/* A string member, or the empty string. Borrowed from j. jansson has refused NUL bytes. */
static const char *
member_text(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));
	return s ? s : "";
}

/* The key's algorithm by its exact name, and no extension that must be understood ("crit", RFC
 * 7515, section 4.1.11). */
static int
check_header(struct str part, const struct token_key *key, struct err *e)
{
	json_t *header CLEANUP(release) = load_part(part);
	if (!header)
		return refuse(e, "malformed");
	const char *name = token_alg_names[token_key_alg(key)];
	if (strcmp(member_text(header, "alg"), name) != 0 || json_object_get(header, "crit"))
		return refuse(e, "algorithm");
	return 0;
}

/* A NumericDate: integer or not (RFC 7519, section 2), cut to the second. Absent leaves *ret. */
static int
read_date(const json_t *claims, const char *name, int64_t *ret)
{
	const json_t *v = json_object_get(claims, name);
	if (!v)
		return 0;
	double seconds = json_number_value(v);
	if (!json_is_number(v) || seconds > (double)NUMBER_MAX || seconds < -(double)NUMBER_MAX)
		return -1;
	*ret = json_is_integer(v) ? json_integer_value(v) : (int64_t)seconds;
	return 0;
}

static int
check_dates(const json_t *claims, struct wall now, struct token *t, struct err *e)
{
	int64_t now_s = now.us / USEC_PER_SEC, not_before_s = INT64_MIN;
	t->expires_s = INT64_MAX;
	t->issued_s = INT64_MIN;
	if (read_date(claims, "exp", &t->expires_s) || read_date(claims, "nbf", &not_before_s))
		return refuse(e, "claims");
	if (now_s - LEEWAY_S >= t->expires_s)
		return refuse(e, "expired");
	if (now_s + LEEWAY_S < not_before_s)
		return refuse(e, "not yet valid");
	(void)read_date(claims, "iat", &t->issued_s); /* no claim about now: none is no harm */
	return 0;
}

/* The prefix and at least one of [A-Za-z0-9_-], at most TOKEN_ORG_MAX bytes in all. */
static bool
is_id(const char *id, const char *prefix)
{
	size_t n = strlen(id), from = strlen(prefix);
	if (n <= from || n > TOKEN_ORG_MAX || memcmp(id, prefix, from) != 0)
		return false;
	return name_valid((struct str){ id, n }) && !strchr(id, '.');
}

/* Adds one name and the space before it. */
static int
add_flag(const char *flag, char flags[TOKEN_SCOPE_MAX])
{
	size_t used = strlen(flags), n = strlen(flag);
	if (!name_valid(str_of(flag)) || used + (used > 0) + n >= TOKEN_SCOPE_MAX)
		return -1;
	if (used > 0)
		flags[used++] = ' ';
	memcpy(flags + used, flag, n + 1);
	return 0;
}

static int
read_flags(const json_t *claims, struct token *t)
{
	const json_t *list = json_object_get(claims, "feature_flags");
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *flag = json_string_value(json_array_get(list, i));
		if (!flag || add_flag(flag, t->feature_flags))
			return -1;
	}
	return 0;
}

/* A name that we do not know grants nothing. */
static int
read_capabilities(const json_t *claims, struct token *t)
{
	const json_t *list = json_object_get(claims, "capabilities");
	t->may = list ? 0 : TOKEN_MAY_EVERYTHING;
	if (list && !json_is_array(list))
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		if (!name)
			return -1;
		t->may |= token_capability(str_of(name));
	}
	return 0;
}

static int
read_session(const json_t *claims, struct token *t)
{
	const json_t *session = json_object_get(claims, "session_id");
	const json_t *version = json_object_get(claims, "version");
	if (version && (!json_is_integer(version) || json_integer_value(version) < 0))
		return -1;
	t->version = json_integer_value(version);
	if (!session)
		return 0;
	struct str name = { json_string_value(session), json_string_length(session) };
	if (!json_is_string(session) || name.n > TOKEN_SESSION_MAX || !name_valid(name))
		return -1;
	snprintf(t->session, sizeof(t->session), "%s", name.p);
	return 0;
}

static int
check_session_life(struct token *t, struct wall now, struct err *e)
{
	if (!t->session[0])
		return 0;
	if (t->issued_s == INT64_MIN)
		return refuse(e, "claims");
	if (t->expires_s > t->issued_s + TOKEN_SESSION_LIFE_S)
		t->expires_s = t->issued_s + TOKEN_SESSION_LIFE_S;
	if (now.us / USEC_PER_SEC - LEEWAY_S >= t->expires_s)
		return refuse(e, "expired");
	return 0;
}

/* Who the token speaks for. */
static int
read_subject(const json_t *claims, struct token *t, struct err *e)
{
	const char *sub = member_text(claims, "sub"), *org = member_text(claims, "org");
	if (is_id(sub, "org_")) {
		snprintf(t->org, sizeof(t->org), "%s", sub);
		return 0;
	}
	if (!is_id(sub, "app_") || !is_id(org, "org_") || read_flags(claims, t) ||
	    read_capabilities(claims, t) || read_session(claims, t))
		return refuse(e, "claims");
	snprintf(t->org, sizeof(t->org), "%s", org);
	snprintf(t->app, sizeof(t->app), "%s", sub);
	return 0;
}

/* Cuts "header.claims.signature" and checks the signature over the first two. */
static int
check_signature(struct str text, const struct token_key *key, struct str *ret_header,
    struct str *ret_claims, struct err *e)
{
	struct str rest = text, header, claims, signature;
	if (!str_split(&rest, '.', &header) || !str_split(&rest, '.', &claims) ||
	    !str_split(&rest, '.', &signature) || rest.p)
		return refuse(e, "malformed");

	unsigned char given[TOKEN_SIGNATURE_MAX];
	size_t n;
	if (b64url_decode(signature, given, sizeof(given), &n) ||
	    n != token_key_signature_size(key))
		return refuse(e, "malformed");
	if (!token_key_verifies(key, (struct str){ text.p, header.n + 1 + claims.n }, given))
		return refuse(e, "signature");
	*ret_header = header;
	*ret_claims = claims;
	return 0;
}

static void
print_of(struct str text, char out[TOKEN_PRINT_SIZE])
{
	unsigned char digest[FINGERPRINT_SIZE];
	fingerprint(&text, 1, digest);
	for (int i = 0; i < FINGERPRINT_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

int
token_verify(
    struct str text, const struct token_key *key, struct wall now, struct token *ret, struct err *e)
{
	struct str header, payload;
	if (text.n >= TOKEN_TEXT_MAX)
		return refuse(e, "too long");
	if (token_key_is(key, text)) {
		/* A frequent mistake, and one that has just sent the secret over the wire. */
		refuse(e, "secret");
		snprintf(e->text, sizeof(e->text),
		    "The signing secret is not a token; sign a token with it");
		return -1;
	}
	if (check_signature(text, key, &header, &payload, e) || check_header(header, key, e))
		return -1;
	json_t *claims CLEANUP(release) = load_part(payload);
	if (!claims)
		return refuse(e, "malformed");

	struct token t = { 0 };
	if (check_dates(claims, now, &t, e) || read_subject(claims, &t, e) ||
	    check_session_life(&t, now, e))
		return -1;
	if (t.app[0])
		print_of(text, t.print);
	*ret = t;
	return 0;
}

/* The claims that only tokens of an application have. */
static void
write_limits(struct jw *j, const struct token_grant *g)
{
	if (g->may) {
		jw_key(j, "capabilities");
		jw_open_array(j);
		for (int i = 0; i < TOKEN_CAPABILITIES; i++)
			if (g->may & 1U << i)
				jw_text(j, str_of(token_capabilities[i]));
		jw_close_array(j);
	}
	if (g->session)
		jw_put_text(j, "session_id", str_of(g->session));
	if (g->version)
		jw_put_i64(j, "version", g->version);
	if (g->number) {
		char number[17];
		snprintf(number, sizeof(number), "%016llx", (unsigned long long)g->number);
		jw_put_text(j, "jti", str_of(number));
	}
}

static void
write_claims(struct buf *out, const struct token_grant *g, int64_t now_s, int64_t lifetime_s)
{
	struct jw j;
	jw_begin(&j, out);
	jw_open_object(&j);
	jw_put_text(&j, "iss", STR("posthorn"));
	jw_put_i64(&j, "iat", now_s);
	jw_put_i64(&j, "nbf", now_s);
	jw_put_i64(&j, "exp", now_s + lifetime_s);
	if (g->app)
		jw_put_text(&j, "org", str_of(g->org));
	jw_put_text(&j, "sub", str_of(g->app ? g->app : g->org));
	if (g->nflags > 0) {
		jw_key(&j, "feature_flags");
		jw_open_array(&j);
		for (int i = 0; i < g->nflags; i++)
			jw_text(&j, str_of(g->flags[i]));
		jw_close_array(&j);
	}
	write_limits(&j, g);
	jw_close_object(&j);
	jw_end(&j);
}

static int
check_mint(const struct token_grant *g, int64_t lifetime_s, struct err *e)
{
	char joined[TOKEN_SCOPE_MAX] = "";
	if (!is_id(g->org, "org_"))
		return err_set(
		    e, ERR_INVALID, "an organisation id is org_ and letters, digits, - and _");
	if (g->app && !is_id(g->app, "app_"))
		return err_set(
		    e, ERR_INVALID, "an application id is app_ and letters, digits, - and _");
	if (g->nflags > 0 && !g->app)
		return err_set(e, ERR_INVALID, "only application tokens carry feature flags");
	if (g->session &&
	    (strlen(g->session) > TOKEN_SESSION_MAX || !name_valid(str_of(g->session))))
		return err_set(
		    e, ERR_INVALID, "a session is a name of at most %d bytes", TOKEN_SESSION_MAX);
	for (int i = 0; i < g->nflags; i++)
		if (add_flag(g->flags[i], joined))
			return err_set(e, ERR_INVALID,
			    "feature flags are names, at most %d bytes in all",
			    TOKEN_SCOPE_MAX - 1);
	if (lifetime_s < 1 || lifetime_s > LIFETIME_MAX_S)
		return err_set(e, ERR_INVALID, "a token lives from a second to a hundred years");
	return 0;
}

/* Returns its length. */
static size_t
write_header(const struct token_key *key, char *out)
{
	char header[64];
	int n = snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}",
	    token_alg_names[token_key_alg(key)]);
	return b64url_encode(header, (size_t)n, out);
}

int
token_mint(const char *org, const char *app_or_null, const char *const *flags, int nflags,
    const struct token_key *key, struct wall now, int64_t lifetime_s, char out[TOKEN_TEXT_MAX],
    struct err *e)
{
	const struct token_grant g = { org, app_or_null, flags, nflags, .session = NULL };
	return token_mint_grant(&g, key, now, lifetime_s, out, e);
}

int
token_mint_grant(const struct token_grant *g, const struct token_key *key, struct wall now,
    int64_t lifetime_s, char out[TOKEN_TEXT_MAX], struct err *e)
{
	if (!token_key_mints(key))
		return err_set(e, ERR_CONFIG, "no private key: this server cannot make tokens");
	if (check_mint(g, lifetime_s, e))
		return -1;

	/* Without limits the longest claims that check_mint lets pass have some 1300 bytes, 1740
	 * of base 64; the header adds 37, the longest signature 684. With all of them it may be too
	 * much. */
	struct buf claims;
	buf_init(&claims, (TOKEN_TEXT_MAX - 48) / 4 * 3 - token_key_signature_size(key));
	write_claims(&claims, g, now.us / USEC_PER_SEC, lifetime_s);
	if (claims.failed) {
		buf_free(&claims);
		return err_set(e, ERR_INVALID, "the token would be too long");
	}
	unsigned char signature[TOKEN_SIGNATURE_MAX];
	size_t n = write_header(key, out);
	out[n++] = '.';
	n += b64url_encode(claims.data, claims.len, out + n);
	buf_free(&claims);
	token_key_sign(key, (struct str){ out, n }, signature);
	out[n++] = '.';
	b64url_encode(signature, token_key_signature_size(key), out + n);
	return 0;
}
