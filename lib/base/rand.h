/* Random numbers: the kernel's for secrets, a seeded generator for everything that only spreads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Cryptographically strong (getrandom(2)). */
void rand_bytes(void *p, size_t n);

/* xoshiro256++ (Blackman, Vigna), for jitter and choice, never for secrets. */
struct rand {
	uint64_t s[4];
};
void rand_seed(struct rand *r, uint64_t seed);
int64_t rand_between(struct rand *r, int64_t a, int64_t b); /* [a, b], a <= b */
