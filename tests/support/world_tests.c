/* The fixtures of world_tests.h. */
#include "world_tests.h"

struct db db;

int
world_set_up(void **state)
{
	*state = world_new(&db);
	return 0;
}

int
world_tear_down(void **state)
{
	world_free(*state);
	return 0;
}

int
database_set_up(void **state)
{
	(void)state;
	db_start(&db);
	return 0;
}

int
database_tear_down(void **state)
{
	(void)state;
	db_stop(&db);
	return 0;
}
