/* The producer: posts events, and posts them again when it was not told that they were stored. */
#pragma once

#include "plan.h"

struct node;

/* Puts the plan's events on the agenda. */
void producer_start(const struct plan *p);
void producer_stop(void); /* forgets them; nothing may be under way */
int producer_open(void);  /* events whose answer is still sought */
/* In turn, one that takes events now; NULL: none (world.c). */
struct node *world_node(void);
