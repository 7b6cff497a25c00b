/* Faults: what strikes the world while a schedule runs. */
#pragma once

#include "plan.h"

/* Puts the plan's faults on the agenda, and what ends each of them. */
void troubles_start(const struct plan *p);
/* All of them end now; nothing of them is on the agenda any more. */
void troubles_end(void);
