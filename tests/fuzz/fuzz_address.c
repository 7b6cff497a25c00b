/* policy/address: the first 16 bytes are an address, the rest is an allow list. The list never
 * makes the rule stricter; what it allows lies in one of its ranges, counted here bit by bit; and
 * mapped IPv4 addresses get the answer of the address inside. */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/address.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
allowed_v6(const struct address_policy *p, const uint8_t bytes[16])
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	memcpy(&in6.sin6_addr, bytes, 16);
	return address_allowed(p, (const struct sockaddr *)&in6);
}

static bool
allowed_v4(const struct address_policy *p, const uint8_t bytes[4])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	memcpy(&in.sin_addr, bytes, 4);
	return address_allowed(p, (const struct sockaddr *)&in);
}

static bool
in_range(const struct address_range *r, const uint8_t bytes[16])
{
	for (int i = 0; i < r->bits; i++) {
		if (((r->bytes[i / 8] ^ bytes[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	}
	return true;
}

static void
check_address(const struct address_policy *p, const uint8_t bytes[16])
{
	static const struct address_policy none = { .n = 0 };
	const bool open = allowed_v6(&none, bytes), with_list = allowed_v6(p, bytes);
	bool listed = false;
	for (int i = 0; i < p->n; i++)
		listed = listed || in_range(&p->allow[i], bytes);
	CHECK(!open || with_list);
	CHECK(!with_list || open || listed);

	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t inside[16];
	memcpy(inside, mapped, 12);
	memcpy(inside + 12, bytes + 12, 4);
	CHECK(allowed_v6(p, inside) == allowed_v4(p, bytes + 12));

	/* Everything that embeds an address behind these is refused unless listed. */
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
	memcpy(inside, nat64, 12);
	CHECK(!allowed_v6(&none, inside));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 16)
		return 0;
	const struct str list = { (const char *)data + 16, size - 16 };
	struct address_policy p = { .n = 0 };
	struct err e = { 0 };
	if (address_policy_parse(list, &p, &e) != 0)
		CHECK(e.kind == ERR_INVALID && e.text[0] != '\0' && p.n == 0);
	CHECK(p.n >= 0 && p.n <= ADDRESS_RANGES_MAX);
	for (int i = 0; i < p.n; i++) {
		CHECK(p.allow[i].bits >= 0 && p.allow[i].bits <= 128);
		/* Of an IPv6 range shorter than the mapped block the mapped part is not given. */
		CHECK(p.allow[i].bits < 96 || allowed_v6(&p, p.allow[i].bytes));
	}
	check_address(&p, data);
	return 0;
}
