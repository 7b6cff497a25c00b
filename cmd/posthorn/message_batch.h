/* posthorn message create-batch. */
#pragma once

#include "command.h"

int message_batch_run(struct session *s, const struct args *a, struct err *e);
