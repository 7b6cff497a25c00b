/* The configured database, before any worker uses it. */
#pragma once

#include "base/attr.h"
#include "base/err.h"

#include "config/config.h"

/* Is it there, and at this program's schema? */
int database_check(const struct config *c, struct err *e) MUST_CHECK;

/* Applies the migrations it lacks. */
int database_migrate(const struct config *c, int *ret_applied, struct err *e) MUST_CHECK;

/* Name of the newest migration that this program has. */
const char *database_newest(void);
