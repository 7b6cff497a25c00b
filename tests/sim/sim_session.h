/* Connections to the model server, in place of lib/pg/session.c: what the world does to them. */
#pragma once

#include "pg/session.h"

/* The server takes no connections and has lost those that it had. */
void sim_server_down(void);
void sim_server_up(void);
bool sim_server_is_up(void);
