/* The supervisor's signals: blocked, and read when it suits. */
#pragma once

#include <stdbool.h>

/* Blocks SIGTERM, SIGINT and SIGCHLD, ignores SIGPIPE and SIGHUP. From here on a stop is noticed
 * only by signals_stop_pending and through the descriptor. */
void signals_block(void);
/* In a child: everything as it was for a program just started. */
void signals_unblock(void);

/* A nonblocking signalfd(2) of the blocked ones; close-on-exec. */
int signals_open(void);

/* Has a stop been asked for and not been read yet? */
bool signals_stop_pending(void);
