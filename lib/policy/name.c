/* The small grammars of the API: sets of characters with a length, and lists of header names. */
#include "policy/name.h"

#include "base/attr.h"

#define CHANNEL_MAX_LEN      128
#define HEADER_NAME_MAX_LEN  256
#define HEADER_VALUE_MAX_LEN 4096

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* 1 to max bytes, each a letter, a digit or one of `more`. */
static bool
consists_of(struct str s, const char *more, size_t max)
{
	if (s.n == 0 || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(more, s.p[i])))
			return false;
	return true;
}

bool
name_valid(struct str s)
{
	return consists_of(s, "-_.", NAME_MAX_LEN);
}

bool
name_uid_valid(enum id_kind kind, struct str s)
{
	return name_valid(s) && !id_has_prefix(kind, s);
}

bool
name_channel_valid(struct str s)
{
	return consists_of(s, "-_.:+", CHANNEL_MAX_LEN);
}

/* Why headers are refused. The sets are those of the public Svix API, the hop-by-hop fields and the
 * headers that metadata services ask for. */
#define BY_TRANSPORT "is set by the transport"
#define BY_HOP       "belongs to a single connection"
#define BY_PAYLOAD   "is set with the payload"
#define BY_SIGNATURE "is reserved for the signature"
#define BY_PLATFORM  "is trusted by a platform or its metadata service"
#define NO_MEANING   "has no meaning on a delivery"

static const struct refused {
	const char *name; /* lower case */
	bool is_prefix;
	const char *reason;
} refused[] = {
	{ "host", false, BY_TRANSPORT },
	{ "user-agent", false, BY_TRANSPORT },
	{ "content-length", false, BY_TRANSPORT },
	{ "expect", false, BY_TRANSPORT },
	/* RFC 9110, section 7.6.1, and its older relatives. */
	{ "connection", false, BY_HOP },
	{ "keep-alive", false, BY_HOP },
	{ "proxy-", true, BY_HOP },
	{ "te", false, BY_HOP },
	{ "trailer", false, BY_HOP },
	{ "trailers", false, BY_HOP },
	{ "transfer-encoding", false, BY_HOP },
	{ "upgrade", false, BY_HOP },
	{ "http2-settings", false, BY_HOP },
	{ "content-type", false, BY_PAYLOAD },
	{ "content-encoding", false, BY_PAYLOAD },
	{ "content-language", false, BY_PAYLOAD },
	{ "content-location", false, BY_PAYLOAD },
	{ "webhook-", true, BY_SIGNATURE },
	{ "svix-", true, BY_SIGNATURE },
	{ "x-svix-", true, BY_SIGNATURE },
	/* A POST with these reaches what the address policy protects, should it ever fail: IMDSv2
	 * and its kin ask for a header that browsers and redirects cannot send. */
	{ "metadata", false, BY_PLATFORM },
	{ "metadata-flavor", false, BY_PLATFORM },
	{ "x-aws-ec2-metadata-token", true, BY_PLATFORM },
	{ "x-amz-", true, BY_PLATFORM },
	{ "x-amzn-", true, BY_PLATFORM },
	{ "x-google", true, BY_PLATFORM },
	{ "x-goog-", true, BY_PLATFORM },
	{ "x-gfe", true, BY_PLATFORM },
	{ "x-azure-", true, BY_PLATFORM },
	{ "x-fd-", true, BY_PLATFORM },
	{ "age", false, NO_MEANING },
	{ "cache-control", false, NO_MEANING },
	{ "clear-site-data", false, NO_MEANING },
	{ "expires", false, NO_MEANING },
	{ "pragma", false, NO_MEANING },
	{ "warning", false, NO_MEANING },
};

const char *
name_header_refused(struct str name)
{
	if (!consists_of(name, "!#$%&'*+-.^_`|~", HEADER_NAME_MAX_LEN))
		return "is not a header name";
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct str entry = str_of(refused[i].name), head = name;
		if (refused[i].is_prefix && head.n > entry.n)
			head.n = entry.n;
		if (str_eq_nocase(head, entry))
			return refused[i].reason;
	}
	return NULL;
}

bool
name_header_value_valid(struct str value)
{
	if (value.n == 0 || value.n > HEADER_VALUE_MAX_LEN || str_trim(value).n != value.n)
		return false;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '\t' && (value.p[i] < ' ' || value.p[i] > '~'))
			return false;
	return true;
}

bool
name_header_sensitive(struct str name)
{
	static const char *const sensitive[] = { "authorization", "proxy-authenticate",
		"proxy-authorization", "www-authenticate", "x-api-key", "x-auth-token" };
	for (size_t i = 0; i < ARRAY_LEN(sensitive); i++)
		if (str_eq_nocase(name, str_of(sensitive[i])))
			return true;
	return false;
}
