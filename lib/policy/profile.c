/* Signature profiles (profile.h). The table follows what the providers document for their own
 * webhooks; a header that one of them has room for one signature in is signed with the current key
 * alone, also while an old one is valid still: two would be none to its receivers. */
#include "policy/profile.h"

#include "base/b64.h"

#include "policy/name.h"

#define PIECES_MAX  12 /* of a template: literals and placeholders */
#define CONTENT_MAX 256
#define TEXT_MAX    128

static const struct profile profiles[] = {
	{
	    .name = "github",
	    .hash = "SHA256",
	    .content = "{body}",
	    .header = "X-Hub-Signature-256",
	    .lead = "",
	    .prefix = "sha256=",
	    .line = { { "X-GitHub-Event", "{type}" }, { "X-GitHub-Delivery", "{id}" } },
	},
	{
	    .name = "stripe",
	    .hash = "SHA256",
	    .content = "{timestamp}.{body}",
	    .header = "Stripe-Signature",
	    .lead = "t={timestamp},",
	    .prefix = "v1=",
	    .separator = ",",
	},
	{
	    .name = "shopify",
	    .hash = "SHA256",
	    .base64 = true,
	    .content = "{body}",
	    .header = "X-Shopify-Hmac-Sha256",
	    .lead = "",
	    .prefix = "",
	    .line = { { "X-Shopify-Topic", "{type}" }, { "X-Shopify-Webhook-Id", "{id}" } },
	},
	{
	    .name = "slack",
	    .hash = "SHA256",
	    .content = "v0:{timestamp}:{body}",
	    .header = "X-Slack-Signature",
	    .lead = "",
	    .prefix = "v0=",
	    .line = { { "X-Slack-Request-Timestamp", "{timestamp}" } },
	},
};

const struct profile *
profile_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
		if (str_eq(name, str_of(profiles[i].name)))
			return &profiles[i];
	return NULL;
}

/* ---- templates ---------------------------------------------------------------------------- */

static const struct {
	struct str name;
	size_t offset; /* of its value in struct profile_event */
} placeholders[] = {
	{ { "{id}", 4 }, offsetof(struct profile_event, id) },
	{ { "{timestamp}", 11 }, offsetof(struct profile_event, timestamp) },
	{ { "{type}", 6 }, offsetof(struct profile_event, type) },
	{ { "{body}", 6 }, offsetof(struct profile_event, body) },
};

/* Takes the next literal or placeholder off the front of *text. *ret is what it stands for; -1 when
 * a brace begins no placeholder. */
static int
next_piece(struct str *text, const struct profile_event *event, struct str *ret)
{
	size_t n = 0;
	while (n < text->n && text->p[n] != '{')
		n++;
	*ret = (struct str){ text->p, n };
	for (size_t i = 0; n == 0 && i < ARRAY_LEN(placeholders); i++)
		if (str_starts(*text, placeholders[i].name)) {
			const char *base = (const char *)event;
			n = placeholders[i].name.n;
			memcpy(ret, base + placeholders[i].offset, sizeof(*ret));
		}
	text->p += n;
	text->n -= n;
	return n ? 0 : -1;
}

/* The pieces of a template, which has been checked (or is the table's); returns how many. */
static int
expand(const char *template, const struct profile_event *event, struct str pieces[PIECES_MAX])
{
	struct str rest = str_of(template);
	int n = 0;
	while (rest.n && n < PIECES_MAX && next_piece(&rest, event, &pieces[n]) == 0)
		n++;
	return n;
}

static int
check_template(const char *member, const char *text, bool with_body, struct err *e)
{
	const struct profile_event nothing = { .body = STR("b") };
	struct str rest = str_of(text), piece;
	int n = 0, bodies = 0;
	for (; rest.n; n++) {
		if (next_piece(&rest, &nothing, &piece))
			return err_set(e, ERR_INVALID,
			    "%s: a brace begins {id}, {timestamp}, {type}%s", member,
			    with_body ? " or {body}" : "");
		bodies += piece.p == nothing.body.p;
	}
	if (n > PIECES_MAX)
		return err_set(e, ERR_INVALID, "%s has too many parts", member);
	if (bodies != with_body)
		return err_set(e, ERR_INVALID,
		    with_body ? "%s must hold {body} once" : "%s cannot hold {body}", member);
	return 0;
}

/* ---- reading one from the API ------------------------------------------------------------- */

/* A text of visible ASCII and spaces, or its default when it is absent or null. */
static int
get_text(
    const json_t *o, const char *member, size_t max, const char **ret_or_default, struct err *e)
{
	const json_t *v = json_object_get(o, member);
	if (!v || json_is_null(v))
		return 0;
	const char *text = json_string_value(v);
	if (!text || json_string_length(v) > max)
		return err_set(
		    e, ERR_INVALID, "%s must be a text of at most %zu bytes", member, max);
	for (size_t i = 0; i < json_string_length(v); i++)
		if (text[i] < ' ' || text[i] > '~')
			return err_set(
			    e, ERR_INVALID, "%s must be visible ASCII characters", member);
	*ret_or_default = text;
	return 0;
}

static int
get_header(const json_t *o, const char *member, const char **ret, struct err *e)
{
	if (get_text(o, member, TEXT_MAX, ret, e))
		return -1;
	const char *refused = *ret ? name_header_refused(str_of(*ret)) : NULL;
	return refused ? err_set(e, ERR_INVALID, "%s: %s", member, refused) : 0;
}

/* One of words, which end with NULL; *ret is its index, and keeps its value without one. */
static int
get_word(const json_t *o, const char *member, const char *const *words, int *ret, struct err *e)
{
	const char *text = NULL;
	if (get_text(o, member, TEXT_MAX, &text, e))
		return -1;
	if (!text)
		return 0;
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0) {
			*ret = i;
			return 0;
		}
	return err_set(e, ERR_INVALID, "%s must be %s%s%s%s%s", member, words[0],
	    words[2] ? ", " : " or ", words[1], words[2] ? " or " : "", words[2] ? words[2] : "");
}

static int
get_lines(const json_t *o, struct profile *p, struct err *e)
{
	static const char *const members[][2] = {
		{ "timestampHeader", "{timestamp}" },
		{ "idHeader", "{id}" },
		{ "typeHeader", "{type}" },
	};
	int n = 0;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *header = NULL;
		if (get_header(o, members[i][0], &header, e))
			return -1;
		if (!header)
			continue;
		p->line[n].header = header;
		p->line[n++].value = members[i][1];
	}
	return 0;
}

int
profile_parse(const json_t *template, struct profile *ret, struct err *e)
{
	static const char *const algorithms[] = { "sha1", "sha256", "sha512", NULL };
	static const char *const hashes[] = { "SHA1", "SHA256", "SHA512" };
	static const char *const encodings[] = { "hex", "base64", NULL };
	int algorithm = 1, encoding = 0;
	*ret = (struct profile){ .name = "custom", .content = "{body}", .lead = "", .prefix = "" };
	if (get_header(template, "header", &ret->header, e) ||
	    get_word(template, "algorithm", algorithms, &algorithm, e) ||
	    get_word(template, "encoding", encodings, &encoding, e) ||
	    get_text(template, "content", CONTENT_MAX, &ret->content, e) ||
	    get_text(template, "lead", TEXT_MAX, &ret->lead, e) ||
	    get_text(template, "prefix", TEXT_MAX, &ret->prefix, e) ||
	    get_text(template, "separator", TEXT_MAX, &ret->separator, e) ||
	    get_lines(template, ret, e))
		return -1;
	if (!ret->header)
		return err_set(e, ERR_INVALID, "header must be given");
	ret->hash = hashes[algorithm];
	ret->base64 = encoding == 1;
	if (check_template("content", ret->content, true, e) ||
	    check_template("lead", ret->lead, false, e))
		return -1;
	return 0;
}

/* ---- rendering ---------------------------------------------------------------------------- */

static void
put_expanded(const char *template, const struct profile_event *event, struct buf *out)
{
	struct str pieces[PIECES_MAX];
	int n = expand(template, event, pieces);
	for (int i = 0; i < n; i++)
		buf_add(out, pieces[i].p, pieces[i].n);
}

static void
put_code(const unsigned char *code, size_t n, bool base64, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	char text[B64_SIZE(SIGN_MAC_MAX)];
	if (base64) {
		buf_add(out, text, b64_encode(code, n, text));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		buf_addc(out, digits[code[i] >> 4]);
		buf_addc(out, digits[code[i] & 15]);
	}
}

static void
put_signatures(const struct profile *p, const struct profile_event *event,
    struct sign_key *const *keys, int n, struct buf *out)
{
	struct str content[PIECES_MAX];
	int ncontent = expand(p->content, event, content);
	buf_adds(out, p->header);
	buf_adds(out, ": ");
	put_expanded(p->lead, event, out);
	for (int i = 0; i < (p->separator ? n : 1); i++) {
		unsigned char code[SIGN_MAC_MAX];
		size_t len = sign_parts(keys[i], content, ncontent, code);
		if (i > 0)
			buf_adds(out, p->separator);
		buf_adds(out, p->prefix);
		put_code(code, len, p->base64, out);
	}
	buf_addc(out, '\0');
}

int
profile_render(const struct profile *p, const struct profile_event *event,
    struct sign_key *const *keys, int n, struct buf *out)
{
	int lines = 0;
	if (n > 0) {
		put_signatures(p, event, keys, n, out);
		lines++;
	}
	for (int i = 0; i < PROFILE_LINES_MAX && p->line[i].header; i++, lines++) {
		buf_adds(out, p->line[i].header);
		buf_adds(out, ": ");
		put_expanded(p->line[i].value, event, out);
		buf_addc(out, '\0');
	}
	return lines;
}
