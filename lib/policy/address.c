/* The rule on where deliveries may connect to: a constant list of what is special, checked on the
 * binary address that a socket is about to use, so that no spelling of an address matters here.
 *
 * IPv4 is closed by a list of what is refused; IPv6 by the one block that is allowed, 2000::/3,
 * less its special parts. Refused are all rows of the two IANA special-purpose address registries
 * (RFC 6890; state of July 2026), also those that are globally reachable, for none of them is the
 * host of a webhook; and what the registries leave out: multicast, platform services in public
 * space.
 *
 * Addresses are compared as 128 bits, IPv4 in its mapped form ::ffff:a.b.c.d: Linux connects that
 * form by IPv4, so both must meet the same rule. All other forms that carry an IPv4 address inside
 * are refused as a whole. */
#include "policy/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#define V4_BITS 96 /* the length of ::ffff:0:0/96, in which IPv4 addresses stand */

#define IP4(a, b, c, d)                                                                            \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
/* The upper half of a:b:c:: */
#define IP6(a, b, c) ((uint64_t)(a) << 48 | (uint64_t)(b) << 32 | (uint64_t)(c) << 16)

/* Refused parts of IPv4. */
static const struct {
	uint32_t prefix;
	int bits;
} special4[] = {
	{ IP4(0, 0, 0, 0), 8 },     /* "this network", RFC 791; Linux connects 0.0.0.0 to itself */
	{ IP4(10, 0, 0, 0), 8 },    /* private use, RFC 1918 */
	{ IP4(100, 64, 0, 0), 10 }, /* shared address space, RFC 6598; Alibaba's metadata service */
	{ IP4(127, 0, 0, 0), 8 },   /* loopback, RFC 1122 */
	{ IP4(169, 254, 0, 0), 16 },   /* link local, RFC 3927; most clouds' metadata services */
	{ IP4(172, 16, 0, 0), 12 },    /* private use, RFC 1918 */
	{ IP4(192, 0, 0, 0), 24 },     /* IETF protocol assignments, RFC 6890; Oracle's metadata */
	{ IP4(192, 0, 2, 0), 24 },     /* documentation, RFC 5737 */
	{ IP4(192, 31, 196, 0), 24 },  /* AS112-v4, RFC 7535 */
	{ IP4(192, 52, 193, 0), 24 },  /* AMT, RFC 7450 */
	{ IP4(192, 88, 99, 0), 24 },   /* 6to4 relay anycast, deprecated by RFC 7526 */
	{ IP4(192, 168, 0, 0), 16 },   /* private use, RFC 1918 */
	{ IP4(192, 175, 48, 0), 24 },  /* direct delegation AS112, RFC 7534 */
	{ IP4(198, 18, 0, 0), 15 },    /* benchmarking, RFC 2544 */
	{ IP4(198, 51, 100, 0), 24 },  /* documentation, RFC 5737 */
	{ IP4(203, 0, 113, 0), 24 },   /* documentation, RFC 5737 */
	{ IP4(224, 0, 0, 0), 4 },      /* multicast, RFC 5771 */
	{ IP4(240, 0, 0, 0), 4 },      /* reserved, RFC 1112, with 255.255.255.255, RFC 919 */
	{ IP4(168, 63, 129, 16), 32 }, /* Azure's platform services, in public space */
	{ IP4(192, 80, 8, 124), 32 },  /* Packet's metadata service, in public space */
};

/* Refused parts of 2000::/3. Their prefixes fit the upper half of the address. */
static const struct {
	uint64_t prefix;
	int bits;
} special6[] = {
	{ IP6(0x2001, 0, 0), 23 }, /* protocol assignments, RFC 2928: Teredo, ORCHID and others */
	{ IP6(0x2001, 0xdb8, 0), 32 },     /* documentation, RFC 3849 */
	{ IP6(0x2002, 0, 0), 16 },         /* 6to4, RFC 3056: an IPv4 address in bytes 2 to 5 */
	{ IP6(0x2620, 0x4f, 0x8000), 48 }, /* direct delegation AS112, RFC 7534 */
	{ IP6(0x3fff, 0, 0), 20 },         /* documentation, RFC 9637 */
};

static const unsigned char v4_prefix[V4_BITS / 8] = { [10] = 0xff, [11] = 0xff };

static int range_parse(struct str text, struct address_range *ret, struct err *e);
static bool range_holds(const struct address_range *r, const unsigned char bytes[16]);
static bool special_v4(uint32_t a);
static bool special_v6(const unsigned char bytes[16]);

static bool
is_v4(const unsigned char bytes[16])
{
	return memcmp(bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

int
address_policy_parse(struct str text, struct address_policy *ret, struct err *e)
{
	struct address_policy p = { .n = 0 };
	struct str rest = str_trim(text), item;
	if (rest.n == 0) {
		*ret = p;
		return 0;
	}
	while (str_split(&rest, ',', &item)) {
		if (p.n == ADDRESS_RANGES_MAX)
			return err_set(e, ERR_INVALID, "more than %d ranges", ADDRESS_RANGES_MAX);
		if (range_parse(str_trim(item), &p.allow[p.n], e) != 0)
			return err_prefix(e, "range %d", p.n + 1);
		p.n++;
	}
	*ret = p;
	return 0;
}

/* The 16 bytes of a socket address; -1 for families without any. */
static int
socket_bytes(const struct sockaddr *sa, unsigned char ret[16])
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		memcpy(ret, v4_prefix, sizeof(v4_prefix));
		memcpy(ret + sizeof(v4_prefix), &in.sin_addr, sizeof(in.sin_addr));
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof(in6));
		memcpy(ret, &in6.sin6_addr, sizeof(in6.sin6_addr));
		return 0;
	}
	return -1;
}

bool
address_allowed(const struct address_policy *p, const struct sockaddr *sa)
{
	unsigned char bytes[16];
	if (socket_bytes(sa, bytes) != 0)
		return false;
	for (int i = 0; i < p->n; i++) {
		if (range_holds(&p->allow[i], bytes))
			return true;
	}
	if (!is_v4(bytes))
		return !special_v6(bytes);
	return !special_v4(IP4(bytes[12], bytes[13], bytes[14], bytes[15]));
}

static bool
special_v4(uint32_t a)
{
	for (size_t i = 0; i < ARRAY_LEN(special4); i++) {
		if ((a ^ special4[i].prefix) >> (32 - special4[i].bits) == 0)
			return true;
	}
	return false;
}

/* ISATAP interface identifiers (RFC 5214, section 6.1) hide an IPv4 address behind any prefix. */
static bool
is_isatap(const unsigned char bytes[16])
{
	return (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

static bool
special_v6(const unsigned char bytes[16])
{
	/* Outside 2000::/3 are loopback, NAT64 (RFC 6052, RFC 8215), SIIT, IPv4-compatible, unique
	 * local, link and site local, discard-only, SRv6 and multicast addresses, and nothing that
	 * is given to hosts of the Internet (RFC 4291, section 2.4; RFC 3587). */
	if (bytes[0] >> 5 != 1)
		return true;
	if (is_isatap(bytes))
		return true;

	uint64_t upper = 0;
	for (int i = 0; i < 8; i++)
		upper = upper << 8 | bytes[i];
	for (size_t i = 0; i < ARRAY_LEN(special6); i++) {
		if ((upper ^ special6[i].prefix) >> (64 - special6[i].bits) == 0)
			return true;
	}
	return false;
}

/* Do the first `bits` bits agree? */
static bool
prefix_equal(const unsigned char *a, const unsigned char *b, int bits)
{
	const int whole = bits / 8, rest = bits % 8;
	if (memcmp(a, b, (size_t)whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* A short IPv6 range such as ::/0 also covers the block of mapped addresses; who wrote it meant
 * IPv6, and is not given 127.0.0.1 with it. */
static bool
range_holds(const struct address_range *r, const unsigned char bytes[16])
{
	if (r->bits < V4_BITS && is_v4(bytes))
		return false;
	return prefix_equal(r->bytes, bytes, r->bits);
}

/* An address in its usual spelling. *ret_v4: it was written as IPv4. */
static int
address_parse(struct str text, unsigned char ret[16], bool *ret_v4)
{
	char z[INET6_ADDRSTRLEN];
	if (text.n >= sizeof(z) || memchr(text.p, '\0', text.n) != NULL)
		return -1;
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	if (inet_pton(AF_INET, z, ret + sizeof(v4_prefix)) == 1) {
		memcpy(ret, v4_prefix, sizeof(v4_prefix));
		*ret_v4 = true;
		return 0;
	}
	*ret_v4 = false;
	return inet_pton(AF_INET6, z, ret) == 1 ? 0 : -1;
}

/* "10.0.0.0/8", "fd00::/8", or an address alone. A range whose address has bits behind the prefix
 * is refused: 10.0.0.5/8 is more often a slip than a wish for all of 10.0.0.0/8. */
static int
range_parse(struct str text, struct address_range *ret, struct err *e)
{
	struct str rest = text, address;
	struct address_range r;
	bool v4;
	int64_t bits;
	if (!str_split(&rest, '/', &address) || address.n == 0)
		return err_set(e, ERR_INVALID, "an address or CIDR range is expected");
	if (address_parse(address, r.bytes, &v4) != 0)
		return err_set(e, ERR_INVALID, "not an IPv4 or IPv6 address");

	const int most = v4 ? 32 : 128;
	bits = most;
	if (rest.p != NULL && str_to_i64(rest, 0, most, &bits) != 0)
		return err_set(e, ERR_INVALID, "the prefix length is not a number up to %d", most);
	r.bits = (int)bits + (v4 ? V4_BITS : 0);
	for (int i = r.bits; i < 128; i++) {
		if ((r.bytes[i / 8] >> (7 - i % 8) & 1) != 0)
			return err_set(
			    e, ERR_INVALID, "the address has bits set behind the prefix length");
	}
	*ret = r;
	return 0;
}
