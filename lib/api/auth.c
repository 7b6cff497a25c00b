/* Who is calling. Verifying a token costs about ten times what its digest does, so verified tokens
 * are remembered under their digest: 1024 entries, each at the one place its digest names, the
 * newest wins. Only tokens that passed get in, so nobody can fill it with rubbish; an entry is
 * worth nothing once its exp has passed. */
#include "api/auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "policy/fingerprint.h"

#define ENTRIES 1024 /* a power of two */

struct entry {
	unsigned char digest[FINGERPRINT_SIZE];
	struct token token; /* org is "" in an unused entry */
};

struct auth {
	const struct secret *key;
	struct entry entry[ENTRIES];
};

struct auth *
auth_new(const struct secret *key)
{
	struct auth *a = mem_zalloc(sizeof(*a));
	a->key = key;
	return a;
}

void
auth_free(struct auth *a)
{
	free(a);
}

static struct entry *
entry_of(struct auth *a, const unsigned char digest[FINGERPRINT_SIZE])
{
	return &a->entry[(digest[0] | digest[1] << 8) & (ENTRIES - 1)];
}

static bool
entry_holds(const struct entry *n, const unsigned char digest[FINGERPRINT_SIZE], struct wall now)
{
	return n->token.org[0] && memcmp(n->digest, digest, FINGERPRINT_SIZE) == 0 &&
	       now.us / USEC_PER_SEC < n->token.expires_s;
}

/* "Bearer x": the scheme in any case, one or more blanks (RFC 9110, section 11.4). */
static struct str
bearer(struct str header)
{
	const struct str scheme = STR("bearer ");
	struct str head = { header.p, scheme.n };
	if (header.n <= scheme.n || !str_eq_nocase(head, scheme))
		return (struct str){ NULL, 0 };
	return str_trim((struct str){ header.p + scheme.n, header.n - scheme.n });
}

int
auth_check(struct auth *a, struct str header, struct wall now, struct token *ret, struct err *e)
{
	struct str text = bearer(header);
	if (!text.p)
		return err_set(e, ERR_UNAUTHENTICATED, "Invalid token");
	unsigned char digest[FINGERPRINT_SIZE];
	fingerprint(&text, 1, digest);
	struct entry *n = entry_of(a, digest);
	if (entry_holds(n, digest, now)) {
		*ret = n->token;
		return 0;
	}
	if (token_verify(text, a->key, now, ret, e))
		return -1;
	n->token = *ret;
	memcpy(n->digest, digest, sizeof(digest));
	return 0;
}
