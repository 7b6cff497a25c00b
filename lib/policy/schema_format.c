/* Formats of texts (validation-01, 7.3): date-time, date, time (RFC 3339), email, idn-email (RFC
 * 5321), hostname (RFC 1123), ipv4, ipv6 (RFC 4291), uri, uri-reference, iri, iri-reference (RFC
 * 3986, 3987), json-pointer, relative-json-pointer (RFC 6901), regex, uuid (RFC 4122). Others,
 * idn-hostname and uri-template among them, are notes. */
#include <arpa/inet.h>
#include <string.h>

#include "base/attr.h"

#include "policy/schema-internal.h"

/* ---- a cursor ---- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_among(char c, const char *set)
{
	return c && strchr(set, c);
}

/* Takes one character of the set. */
static bool
take(struct str *s, const char *set)
{
	if (s->n == 0 || !is_among(s->p[0], set))
		return false;
	s->p++;
	s->n--;
	return true;
}

/* Takes exactly n digits; -1 when they are not there. */
static int
take_number(struct str *s, size_t n)
{
	int64_t number;
	if (s->n < n || !is_digit(s->p[0]) || str_to_i64((struct str){ s->p, n }, 0, 9999, &number))
		return -1;
	s->p += n;
	s->n -= n;
	return (int)number;
}

/* ---- times ---- */

static bool
take_date(struct str *s)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = take_number(s, 4);
	if (year < 0 || !take(s, "-"))
		return false;
	int month = take_number(s, 2);
	if (month < 1 || month > 12 || !take(s, "-"))
		return false;
	int day = take_number(s, 2);
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

/* Minutes east of UTC; -1 for what is none. */
static bool
take_offset(struct str *s, int *ret_minutes)
{
	*ret_minutes = 0;
	if (take(s, "Zz"))
		return true;
	bool west = s->n && s->p[0] == '-';
	if (!take(s, "+-"))
		return false;
	int hours = take_number(s, 2);
	if (hours < 0 || hours > 23 || !take(s, ":"))
		return false;
	int minutes = take_number(s, 2);
	*ret_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
	return minutes >= 0 && minutes <= 59;
}

static bool
take_time(struct str *s)
{
	int hours = take_number(s, 2), offset;
	if (hours < 0 || hours > 23 || !take(s, ":"))
		return false;
	int minutes = take_number(s, 2);
	if (minutes < 0 || minutes > 59 || !take(s, ":"))
		return false;
	int seconds = take_number(s, 2);
	if (seconds < 0 || seconds > 60)
		return false;
	if (take(s, ".")) {
		if (!take(s, "0123456789"))
			return false;
		while (take(s, "0123456789"))
			;
	}
	if (!take_offset(s, &offset))
		return false;
	/* A leap second is one before midnight, UTC. */
	return seconds < 60 || (hours * 60 + minutes - offset + 2 * 1440) % 1440 == 1439;
}

static bool
fits_date(struct str s)
{
	return take_date(&s) && s.n == 0;
}

static bool
fits_time(struct str s)
{
	return take_time(&s) && s.n == 0;
}

static bool
fits_date_time(struct str s)
{
	return take_date(&s) && take(&s, "Tt") && take_time(&s) && s.n == 0;
}

/* ---- hosts ---- */

static bool
fits_address(struct str s, int family)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[16];
	if (s.n >= sizeof(text) || memchr(s.p, '\0', s.n))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(family, text, address) == 1;
}

static bool
fits_ipv4(struct str s)
{
	return fits_address(s, AF_INET);
}

static bool
fits_ipv6(struct str s)
{
	return fits_address(s, AF_INET6);
}

static bool
fits_label(struct str s)
{
	if (s.n < 1 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

static bool
fits_hostname(struct str s)
{
	struct str label;
	if (s.n < 1 || s.n > 253)
		return false;
	while (str_split(&s, '.', &label))
		if (!fits_label(label))
			return false;
	return true;
}

/* ---- mail ---- */

static bool
is_atom_char(char c, bool wide)
{
	return is_alpha(c) || is_digit(c) || is_among(c, "!#$%&'*+-/=?^_`{|}~") ||
	       (wide && (unsigned char)c >= 0x80);
}

static bool
fits_dot_atom(struct str s, bool wide)
{
	struct str atom;
	while (str_split(&s, '.', &atom)) {
		if (atom.n == 0)
			return false;
		for (size_t i = 0; i < atom.n; i++)
			if (!is_atom_char(atom.p[i], wide))
				return false;
	}
	return true;
}

static bool
fits_quoted(struct str s)
{
	if (s.n < 3 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i < s.n - 1; i++) {
		bool escapes = s.p[i] == '\\';
		if (escapes && ++i == s.n - 1)
			return false;
		if (!escapes && s.p[i] == '"')
			return false;
		if ((unsigned char)s.p[i] < 0x20)
			return false;
	}
	return true;
}

static bool
fits_mail_domain(struct str s, bool wide)
{
	struct str label;
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']') {
		struct str inner = { s.p + 1, s.n - 2 };
		if (!str_starts(inner, STR("IPv6:")))
			return fits_ipv4(inner);
		return fits_ipv6((struct str){ inner.p + 5, inner.n - 5 });
	}
	if (!wide)
		return fits_hostname(s);
	while (str_split(&s, '.', &label))
		if (label.n == 0 || memchr(label.p, ' ', label.n))
			return false;
	return true;
}

static bool
fits_mail(struct str s, bool wide)
{
	const char *at = memrchr(s.p, '@', s.n);
	if (!at)
		return false;
	struct str local = { s.p, (size_t)(at - s.p) };
	struct str domain = { at + 1, s.n - local.n - 1 };
	return local.n >= 1 && local.n <= 64 && domain.n >= 1 &&
	       (fits_quoted(local) || fits_dot_atom(local, wide)) && fits_mail_domain(domain, wide);
}

static bool
fits_email(struct str s)
{
	return fits_mail(s, false);
}

static bool
fits_idn_email(struct str s)
{
	return fits_mail(s, true);
}

/* ---- references ---- */

/* Characters of the set, of pchar's kind, and escapes. */
static bool
fits_uri_chars(struct str s, const char *more, bool wide)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%') {
			if (s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
				return false;
			i += 2;
		} else if (!is_alpha(c) && !is_digit(c) && !is_among(c, "-._~!$&'()*+,;=") &&
			   !is_among(c, more) && !(wide && (unsigned char)c >= 0x80)) {
			return false;
		}
	}
	return true;
}

static bool
fits_port(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]))
			return false;
	return true;
}

/* [user@]host[:port] */
static bool
fits_authority(struct str s, bool wide)
{
	const char *at = memrchr(s.p, '@', s.n);
	if (at) {
		struct str user = { s.p, (size_t)(at - s.p) };
		if (!fits_uri_chars(user, ":", wide))
			return false;
		s = (struct str){ at + 1, s.n - user.n - 1 };
	}
	if (s.n && s.p[0] == '[') {
		const char *end = memchr(s.p, ']', s.n);
		if (!end || !fits_ipv6((struct str){ s.p + 1, (size_t)(end - s.p) - 1 }))
			return false;
		struct str rest = { end + 1, s.n - (size_t)(end + 1 - s.p) };
		return rest.n == 0 ||
		       (rest.p[0] == ':' && fits_port((struct str){ rest.p + 1, rest.n - 1 }));
	}
	const char *colon = memrchr(s.p, ':', s.n);
	struct str host = { s.p, colon ? (size_t)(colon - s.p) : s.n };
	return fits_uri_chars(host, "", wide) &&
	       (!colon || fits_port((struct str){ colon + 1, s.n - host.n - 1 }));
}

/* Takes "scheme:"; false when it does not begin with one. */
static bool
take_scheme(struct str *s)
{
	size_t n = 0;
	while (n < s->n &&
	       (is_alpha(s->p[n]) || (n && (is_digit(s->p[n]) || is_among(s->p[n], "+-.")))))
		n++;
	if (n == 0 || n == s->n || s->p[n] != ':')
		return false;
	*s = (struct str){ s->p + n + 1, s->n - n - 1 };
	return true;
}

/* The text up to the first of these, which it takes off *s. */
static struct str
take_until(struct str *s, const char *ends)
{
	struct str head = { s->p, 0 };
	while (head.n < s->n && !is_among(s->p[head.n], ends))
		head.n++;
	*s = (struct str){ s->p + head.n, s->n - head.n };
	return head;
}

static bool
fits_reference(struct str s, bool absolute, bool wide)
{
	bool has_scheme = take_scheme(&s);
	if (absolute && !has_scheme)
		return false;
	if (str_starts(s, STR("//"))) {
		s = (struct str){ s.p + 2, s.n - 2 };
		if (!fits_authority(take_until(&s, "/?#"), wide))
			return false;
	}
	struct str path = take_until(&s, "?#");
	const char *slash = memchr(path.p, '/', path.n), *colon = memchr(path.p, ':', path.n);
	if (!has_scheme && colon && (!slash || colon < slash))
		return false;
	if (!fits_uri_chars(path, "/:@", wide))
		return false;
	if (take(&s, "?") && !fits_uri_chars(take_until(&s, "#"), "/?:@", wide))
		return false;
	return !take(&s, "#") || fits_uri_chars(s, "/?:@", wide);
}

static bool
fits_uri(struct str s)
{
	return fits_reference(s, true, false);
}

static bool
fits_uri_reference(struct str s)
{
	return fits_reference(s, false, false);
}

static bool
fits_iri(struct str s)
{
	return fits_reference(s, true, true);
}

static bool
fits_iri_reference(struct str s)
{
	return fits_reference(s, false, true);
}

static bool
fits_pointer(struct str s)
{
	if (s.n == 0)
		return true;
	if (s.p[0] != '/')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '~' && (i + 1 == s.n || !is_among(s.p[i + 1], "01")))
			return false;
	return true;
}

static bool
fits_relative_pointer(struct str s)
{
	if (!take(&s, "0")) {
		if (!take(&s, "123456789"))
			return false;
		while (take(&s, "0123456789"))
			;
	}
	return (s.n == 1 && s.p[0] == '#') || fits_pointer(s);
}

/* ---- others ---- */

static bool
fits_regex(struct str s)
{
	struct pattern *p;
	struct err e;
	if (pattern_new(s, &p, &e))
		return false;
	pattern_free(p);
	return true;
}

static bool
fits_uuid(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s.p[i] != '-' : !is_hex(s.p[i]))
			return false;
	}
	return s.n == 36;
}

format_fn
format_find(const char *name)
{
	static const struct {
		const char *name;
		format_fn fits;
	} formats[] = {
		{ "date", fits_date },
		{ "date-time", fits_date_time },
		{ "email", fits_email },
		{ "hostname", fits_hostname },
		{ "idn-email", fits_idn_email },
		{ "ipv4", fits_ipv4 },
		{ "ipv6", fits_ipv6 },
		{ "iri", fits_iri },
		{ "iri-reference", fits_iri_reference },
		{ "json-pointer", fits_pointer },
		{ "regex", fits_regex },
		{ "relative-json-pointer", fits_relative_pointer },
		{ "time", fits_time },
		{ "uri", fits_uri },
		{ "uri-reference", fits_uri_reference },
		{ "uuid", fits_uuid },
	};
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].fits;
	return NULL;
}
