/* The table of commands, and finding one by name.
 *
 * To add a command: a row in the cmd_*.c of its family; for a new family, a file and a line here.
 */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

const struct family *const families[] = {
	&family_app,
	&family_endpoint,
	&family_operational_webhook,
	&family_event_type,
	&family_send,
	&family_message,
	&family_attempt,
	&family_resend,
	&family_polling_endpoint,
	&family_poll,
	&family_dead_letter,
	&family_task,
	&family_health,
	&family_signature,
	&family_token,
	&family_config,
	NULL,
};

/* By its exact name. */
const struct family *
family_find(const char *name, struct err *e)
{
	struct nearest near;
	nearest_init(&near, name);
	for (int i = 0; families[i]; i++) {
		if (strcmp(families[i]->name, name) == 0)
			return families[i];
		nearest_offer(&near, families[i]->name);
	}
	nearest_offer(&near, "help");
	if (near.best)
		err_set(e, ERR_USAGE, "no command %.40s; did you mean %s?", name, near.best);
	else
		err_set(e, ERR_USAGE, "no command %.40s; posthorn help lists them", name);
	return NULL;
}

/* "list, get, create", as far as it fits. */
static void
verbs_text(const struct family *f, char *out, size_t size)
{
	size_t len = 0;
	out[0] = '\0';
	for (const struct command *c = f->commands; c->run && len < size; c++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "", c->verb);
}

/* verb may be NULL when nothing followed the family's name. */
const struct command *
command_find(const struct family *f, const char *verb, struct err *e)
{
	if (!f->commands->verb)
		return f->commands;
	char all[160];
	verbs_text(f, all, sizeof(all));
	if (!verb) {
		err_set(e, ERR_USAGE, "%s needs one of: %s", f->name, all);
		return NULL;
	}
	struct nearest near;
	nearest_init(&near, verb);
	for (const struct command *c = f->commands; c->run; c++) {
		if (strcmp(c->verb, verb) == 0)
			return c;
		nearest_offer(&near, c->verb);
	}
	if (near.best)
		err_set(e, ERR_USAGE, "no command %s %.40s; did you mean %s %s?", f->name, verb,
		    f->name, near.best);
	else
		err_set(e, ERR_USAGE, "no command %s %.40s; there are: %s", f->name, verb, all);
	return NULL;
}

const char *
command_name(const struct family *f, const struct command *c, char out[COMMAND_NAME_SIZE])
{
	snprintf(
	    out, COMMAND_NAME_SIZE, "%s%s%s", f->name, c->verb ? " " : "", c->verb ? c->verb : "");
	return out;
}
