/* The operator: asks through a worker's API for deliveries besides what is planned, as
 * lib/api/resend.c, dead_letter_act.c and task_runner.c do it: what is asked for is a retry row
 * under the worker's home slot, committed before it is answered. */
#pragma once

#include "plan.h"

struct node;

/* Puts the plan's acts on the agenda. */
void operator_start(const struct plan *p);
void operator_stop(void); /* forgets them; nothing may be under way */
int operator_open(void);  /* acts that have not ended */
void operator_heal(void); /* the faults end: what has not begun by now never does */
