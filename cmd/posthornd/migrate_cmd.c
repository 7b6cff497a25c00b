/* posthornd migrate: applies what the database lacks and says what it did. */
#include <stdio.h>

#include "base/log.h"

#include "command.h"
#include "database.h"

int
migrate_cmd(struct args *a, struct err *e)
{
	int applied;
	if (a->dev)
		return err_set(
		    e, ERR_USAGE, "posthornd --dev migrates its own database when it starts");
	if (args_load_config(a, e) < 0 || config_require_database(&a->config, e) < 0)
		return -1;
	log_set_level(LOG_LEVEL_WARN); /* the answer stands on stdout */
	if (database_migrate(&a->config, &applied, e) < 0)
		return -1;
	if (applied == 0)
		printf("the schema is up to date (%s)\n", database_newest());
	else
		printf("applied %d migration%s; the schema is now at %s\n", applied,
		    applied == 1 ? "" : "s", database_newest());
	return 0;
}
