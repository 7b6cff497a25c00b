/* The dice of a schedule: one seeded generator, so that a seed replays exactly. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void dice_seed(uint64_t seed);
int64_t dice(int64_t a, int64_t b); /* [a, b] */
bool dice_chance(int per_mille);
/* Mostly near a, seldom as much as b: latencies. */
int64_t dice_skewed(int64_t a, int64_t b);
