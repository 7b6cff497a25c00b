/* Help texts and the manual page, made from the tables of commands and options. */
#pragma once

#include "command.h"

void help_overview(void);
void help_family(const struct family *f);
void help_command(const struct family *f, const struct command *c);
void help_man(void); /* mdoc(7) */
