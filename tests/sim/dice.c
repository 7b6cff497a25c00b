/* The dice, and what the product takes for the kernel's random numbers. */
#include "dice.h"

#include "base/rand.h"

static struct rand state;

void
dice_seed(uint64_t seed)
{
	rand_seed(&state, seed);
}

int64_t
dice(int64_t a, int64_t b)
{
	return rand_between(&state, a, b);
}

bool
dice_chance(int per_mille)
{
	return per_mille > 0 && rand_between(&state, 0, 999) < per_mille;
}

int64_t
dice_skewed(int64_t a, int64_t b)
{
	int64_t span = b - a;
	for (int i = 0; i < 4 && span > 0 && dice_chance(700); i++)
		span /= 8;
	return a + dice(0, span);
}

/* rand_bytes of base/rand.c (linked with --wrap). */
void __wrap_rand_bytes(void *p, size_t n);
void
__wrap_rand_bytes(void *p, size_t n)
{
	unsigned char *to = p;
	while (n-- > 0)
		*to++ = (unsigned char)dice(0, 255);
}
