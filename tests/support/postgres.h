/* A private PostgreSQL for one test program: its own cluster in a temporary directory, on a Unix
 * socket there only, gone with the program however it ends. Needs the server's binaries (Debian's
 * postgresql-NN); under root it runs as the user postgres. */
#pragma once

struct test_pg; /* opaque */

/* Starts from a cluster made once for all programs (the first one makes it, about 2 s), in less
 * than a second. Prints why and aborts when it cannot. */
struct test_pg *test_pg_start(void);
/* Ends it at once and removes its files. */
void test_pg_stop(struct test_pg *p);

/* A connection string to its database, which is empty at first. */
const char *test_pg_url(const struct test_pg *p);

/* As a crash of the server: every process of it is killed. */
void test_pg_crash(struct test_pg *p);
/* Starts it again after a crash. */
void test_pg_restart(struct test_pg *p);
