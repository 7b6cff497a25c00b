/* SQLSTATEs: what an error of PostgreSQL, or of a pooler before it, means to us. PostgreSQL manual,
 * appendix A. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define SQLSTATE_SIZE 6

struct sqlstate {
	const char *prefix; /* a code, or the beginning of several */
	enum err_kind kind;
	bool leave; /* this connection is of no use any more: the next one may lead elsewhere */
	const char *words; /* for operators; NULL: nothing that they could do about */
};

/* Never NULL: what the table does not name is ERR_INTERNAL. */
const struct sqlstate *sqlstate_find(const char *code);

/* Whether it says that the server has other prepared statements than we think, as behind a pooler
 * that hands out another server connection for each transaction. */
bool sqlstate_unprepared(const char *code);

/* The code in what libpq says about a connection that could not be made, with verbose errors; ""
 * when there is none. */
void sqlstate_of_text(const char *text, char ret_code[SQLSTATE_SIZE]);
