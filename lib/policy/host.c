/* Hosts, on their way from any spelling to the one that is looked up.
 *
 * The order matters: percent signs go first, IDNA second, for it turns fullwidth and circled digits
 * and other full stops into plain ones; the characters are judged after both. Rules: RFC 5891 with
 * UTS #46 (nontransitional) for names, RFC 4291 and RFC 5952 for IPv6 addresses. */
#include "policy/host.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

#define NAME_MAX_BYTES 2048 /* of a name as it is written */
#define LABEL_MAX      63

static int percent_decode(struct str text, char ret[static NAME_MAX_BYTES + 1], struct err *e);
static int name_to_alabels(char name[static NAME_MAX_BYTES + 1], struct err *e);
static bool name_is_plain(const char *name);

int
host_from_name(struct str text, char ret[HOST_MAX + 1], struct err *e)
{
	char name[NAME_MAX_BYTES + 1] = "";
	if (text.n > NAME_MAX_BYTES)
		return err_set(e, ERR_INVALID, "the host is too long");
	if (percent_decode(text, name, e) != 0 || name_to_alabels(name, e) != 0)
		return -1;
	size_t n = strlen(name);
	if (n > 0 && name[n - 1] == '.')
		n--;
	if (n > HOST_MAX)
		return err_set(e, ERR_INVALID, "the host is too long");
	for (size_t i = 0; i < n; i++)
		ret[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
	ret[n] = '\0';
	if (!name_is_plain(ret))
		return err_set(e, ERR_INVALID, "the host is not a domain name or address");
	return 0;
}

int
host_from_ipv6(struct str text, char ret[HOST_MAX + 1], struct err *e)
{
	struct in6_addr address;
	char z[INET6_ADDRSTRLEN];
	if (text.n >= sizeof(z) || memchr(text.p, '\0', text.n) != NULL)
		return err_set(e, ERR_INVALID, "the host is a malformed IPv6 address");
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	if (inet_pton(AF_INET6, z, &address) != 1)
		return err_set(e, ERR_INVALID, "the host is a malformed IPv6 address");
	inet_ntop(AF_INET6, &address, ret, INET6_ADDRSTRLEN);
	return 0;
}

bool
host_is_address(const char *host)
{
	unsigned char address[16];
	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

bool
host_ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.');
	const char *last = dot == NULL ? host : dot + 1;
	if (last[0] == '0' && last[1] == 'x')
		return last[2 + strspn(last + 2, "0123456789abcdef")] == '\0';
	return last[strspn(last, "0123456789")] == '\0';
}

static const char *const internal_suffixes[] = {
	"localhost", "local", "localdomain", /* RFC 6761, RFC 6762; also cluster.local */
	"internal",                          /* reserved by ICANN; metadata.google.internal */
	"intranet", "lan", "corp", "home",   /* never delegated as they are in private use */
	"svc",                               /* Kubernetes: kubernetes.default.svc */
	"arpa",                              /* infrastructure; home.arpa, RFC 8375 */
	"onion",                             /* RFC 7686: not in the DNS */
	"test", "invalid", "example",        /* RFC 6761: never delegated */
};

bool
host_is_internal(const char *host)
{
	const struct str name = str_of(host);
	if (memchr(name.p, '.', name.n) == NULL)
		return true; /* "metadata", "db": completed by search lists */
	for (size_t i = 0; i < ARRAY_LEN(internal_suffixes); i++) {
		const struct str suffix = str_of(internal_suffixes[i]);
		if (name.n > suffix.n && name.p[name.n - suffix.n - 1] == '.' &&
		    memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n) == 0)
			return true;
	}
	return false;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Resolves %xx, as URL parsers do with hosts; once, so that %2531 is no way to write 1. */
static int
percent_decode(struct str text, char ret[static NAME_MAX_BYTES + 1], struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == '%') {
			const int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
			const int low = i + 2 < text.n ? hex_value(text.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return err_set(e, ERR_INVALID, "the host is malformed");
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return err_set(e, ERR_INVALID, "the host is malformed");
		ret[n++] = c;
	}
	ret[n] = '\0';
	return 0;
}

/* Replaces labels that are not ASCII by their A-labels, in place. Names in ASCII stay as they are:
 * IDNA would refuse some that exist ("r3---x.example").
 *
 * IDN2_USE_STD3_ASCII_RULES is not set: libidn2 2.3.3 then drops offending characters instead of
 * refusing the name. An A-label keeps its ASCII characters, so name_is_plain sees them all. */
static int
name_to_alabels(char name[static NAME_MAX_BYTES + 1], struct err *e)
{
	bool ascii = true;
	for (const char *c = name; *c != '\0'; c++)
		ascii = ascii && (unsigned char)*c < 0x80;
	if (ascii)
		return 0;

	char *alabels = NULL;
	const int rc = idn2_to_ascii_8z(name, &alabels, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return err_set(
		    e, ERR_INVALID, "the host is not a domain name: %s", idn2_strerror(rc));
	const size_t n = strlen(alabels);
	if (n <= NAME_MAX_BYTES)
		memcpy(name, alabels, n + 1);
	idn2_free(alabels);
	return n <= NAME_MAX_BYTES ? 0 : err_set(e, ERR_INVALID, "the host is too long");
}

/* Lower-case letters, digits, '-' and '_' in labels of 1 to 63: what can be asked of the DNS. (No
 * host name has an underscore by RFC 952; the DNS and libcurl take it, and it is in use.) */
static bool
name_is_plain(const char *name)
{
	size_t label = 0;
	for (const char *c = name; *c != '\0'; c++) {
		const bool plain =
		    (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
		if (*c == '.' ? label == 0 : !plain || label == LABEL_MAX)
			return false;
		label = *c == '.' ? 0 : label + 1;
	}
	return label > 0;
}
