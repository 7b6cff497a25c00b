/* Request targets and hosts.
 *
 * A path that could mean two things to two programs is refused here, once, rather than in each
 * route: empty segments, dot segments (also percent-encoded), NUL, half an escape, fragments and
 * bytes outside visible ASCII. Percent escapes stay as they are; the router decodes its segments.
 */
#include "http/target.h"

#include "http/chars.h"

/* Visible ASCII but '#': wider than RFC 3986, because clients send | and [] in queries as they are.
 */
static bool
is_target_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '#')
			return false;
	return true;
}

/* Takes one, possibly percent-encoded, byte from the front; -1 for half an escape. */
static int
next_byte(struct str *s)
{
	int c = (unsigned char)s->p[0];
	size_t n = 1;
	if (c == '%') {
		int high = s->n < 3 ? -1 : http_hex((unsigned char)s->p[1]);
		int low = s->n < 3 ? -1 : http_hex((unsigned char)s->p[2]);
		if (high < 0 || low < 0)
			return -1;
		c = high * 16 + low;
		n = 3;
	}
	s->p += n;
	s->n -= n;
	return c;
}

/* One segment, without its slashes; `last` one may be empty. */
static const char *
check_segment(struct str segment, bool last)
{
	if (segment.n == 0)
		return last ? NULL : "empty segment in the path";
	bool dots = true;
	size_t bytes = 0;
	while (segment.n) {
		int c = next_byte(&segment);
		if (c <= 0)
			return c < 0 ? "half a percent escape in the path" : "NUL in the path";
		dots = dots && c == '.';
		bytes++;
	}
	return dots && bytes <= 2 ? "dot segment in the path" : NULL;
}

static const char *
check_path(struct str path)
{
	struct str rest = { path.p + 1, path.n - 1 }, segment;
	while (str_split(&rest, '/', &segment)) {
		const char *reason = check_segment(segment, !rest.p);
		if (reason)
			return reason;
	}
	return NULL;
}

static const char *
parse_origin(struct str raw, struct http_target *ret)
{
	struct str rest = raw, path;
	str_split(&rest, '?', &path);
	const char *reason = check_path(path);
	if (reason)
		return reason;
	*ret = (struct http_target){ .target = raw, .path = path };
	ret->query = rest.p ? rest : STR("");
	return NULL;
}

static bool
skip_scheme(struct str *raw)
{
	static const struct str schemes[] = { STR_INIT("http://"), STR_INIT("https://") };
	for (int i = 0; i < 2; i++) {
		struct str head = { raw->p, schemes[i].n };
		if (raw->n >= schemes[i].n && str_eq_nocase(head, schemes[i])) {
			raw->p += head.n;
			raw->n -= head.n;
			return true;
		}
	}
	return false;
}

const char *
http_target_parse(struct str raw, enum http_method method, struct http_target *ret)
{
	if (!is_target_text(raw))
		return "invalid character in the request target";
	if (raw.n && raw.p[0] == '/')
		return parse_origin(raw, ret);
	if (method == HTTP_OPTIONS && str_eq(raw, STR("*"))) {
		*ret = (struct http_target){ raw, raw, STR("") };
		return NULL;
	}
	if (!skip_scheme(&raw))
		return "the request target is neither a path nor an http URL";
	size_t n = 0;
	while (n < raw.n && raw.p[n] != '/' && raw.p[n] != '?')
		n++;
	if (!http_host_valid((struct str){ raw.p, n }))
		return "invalid host in the request target";
	if (n == raw.n)
		return parse_origin(STR("/"), ret);
	if (raw.p[n] == '?')
		return "request target without a path";
	return parse_origin((struct str){ raw.p + n, raw.n - n }, ret);
}

/* The inside of "[…]": loosely an IPv6 address; the host is never connected to. */
static size_t
skip_literal(struct str host)
{
	size_t i = 1;
	while (i < host.n &&
	       (http_hex((unsigned char)host.p[i]) >= 0 || host.p[i] == ':' || host.p[i] == '.'))
		i++;
	return i > 1 && i < host.n && host.p[i] == ']' ? i + 1 : 0;
}

/* unreserved, sub-delims and percent escapes of RFC 3986; what is left of the token characters once
 * ^ ` | # are taken away, plus ( ) , ; = and without a bare %. */
static size_t
skip_name(struct str host)
{
	size_t i = 0;
	while (i < host.n && host.p[i] != ':') {
		unsigned char c = (unsigned char)host.p[i];
		if (c == '%') {
			if (host.n - i < 3 || http_hex((unsigned char)host.p[i + 1]) < 0 ||
			    http_hex((unsigned char)host.p[i + 2]) < 0)
				return 0;
			i += 2;
		} else if (c == 0 || strchr("^`|#", c) ||
			   (!http_is_token(c) && !strchr("(),;=", c))) {
			return 0;
		}
		i++;
	}
	return i;
}

bool
http_host_valid(struct str host)
{
	if (host.n == 0)
		return false;
	size_t n = host.p[0] == '[' ? skip_literal(host) : skip_name(host);
	if (n == 0)
		return false;
	if (n == host.n)
		return true;
	if (host.p[n] != ':')
		return false;
	struct str port = { host.p + n + 1, host.n - n - 1 };
	int64_t number;
	/* "host:" with nothing behind the colon is valid, "host:-1" is not (the minimum is 0). */
	return port.n == 0 || (port.p[0] != '-' && str_to_i64(port, 0, 65535, &number) == 0);
}
