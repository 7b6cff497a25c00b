/* Key bytes: copied in, compared in constant time, wiped. */
#include "base/secret.h"

#include <string.h>

int
secret_set(struct secret *s, const void *p, size_t n)
{
	if (n > SECRET_MAX)
		return -1;
	secret_wipe(s);
	if (n)
		memcpy(s->bytes, p, n);
	s->len = n;
	return 0;
}

void
secret_wipe(struct secret *s)
{
	explicit_bzero(s, sizeof(*s));
}

bool
secret_eq(const struct secret *a, struct str b)
{
	if (a->len != b.n)
		return false;
	unsigned char difference = 0;
	for (size_t i = 0; i < b.n; i++)
		difference |= (unsigned char)(a->bytes[i] ^ (unsigned char)b.p[i]);
	return difference == 0;
}
