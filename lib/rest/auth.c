/* Who is calling. Verifying a token costs some twenty times what comparing its text does, so
 * verified tokens are remembered: 1024 entries, each at the one place that the last bytes of its
 * text (of its signature) name, the newest wins. Only tokens that passed get in, so nobody can fill
 * it with rubbish; an entry is worth nothing once its exp has passed. */
#include "rest/auth.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ENTRIES 1024 /* a power of two */

struct entry {
	struct str text; /* owned, at most TOKEN_TEXT_MAX bytes; {NULL, 0} in an unused entry */
	struct token token;
};

struct auth {
	const struct token_key *key;
	struct entry entry[ENTRIES];
};

struct auth *
auth_new(const struct token_key *key)
{
	struct auth *a = mem_zalloc(sizeof(*a));
	a->key = key;
	return a;
}

static void
entry_clear(struct entry *n)
{
	char *text = (char *)(uintptr_t)n->text.p;
	if (text)
		explicit_bzero(text, n->text.n);
	free(text);
	n->text = (struct str){ NULL, 0 };
}

void
auth_free(struct auth *a)
{
	for (int i = 0; i < ENTRIES; i++)
		entry_clear(&a->entry[i]);
	free(a);
}

static struct entry *
entry_of(struct auth *a, struct str text)
{
	uint64_t last = 0;
	if (text.n >= sizeof(last))
		memcpy(&last, text.p + text.n - sizeof(last), sizeof(last));
	return &a->entry[last * 0x9e3779b97f4a7c15 >> 54];
}

/* The comparison takes the same time wherever the texts differ. */
static bool
entry_holds(const struct entry *n, struct str text, struct wall now)
{
	return n->text.p && n->text.n == text.n && CRYPTO_memcmp(n->text.p, text.p, text.n) == 0 &&
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
	struct entry *n = entry_of(a, text);
	if (entry_holds(n, text, now)) {
		*ret = n->token;
		return 0;
	}
	if (token_verify(text, a->key, now, ret, e))
		return -1;
	entry_clear(n);
	n->text = (struct str){ mem_strndup(text.p, text.n), text.n };
	n->token = *ret;
	return 0;
}
