/* posthornd: argv to command. What a person did wrong is one line on stderr and an exit status of
 * sysexits.h, by the kind of the error. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fault.h"

#include "args.h"
#include "command.h"

static const struct command commands[] = {
	{ NULL, "run the service", service_cmd },
	{ "migrate", "bring the database to this program's schema, and say what was done",
	    migrate_cmd },
	{ "token", "print a bearer token for the API, signed with the configured key", token_cmd },
	{ "config", "print the settings in force, an example file or the reference page",
	    config_cmd },
	{ "openapi", "print the API's OpenAPI document (JSON)", openapi_cmd },
};

static int
print_help(void)
{
	struct buf out;
	buf_init(&out, 1 << 16);
	args_write_help(commands, ARRAY_LEN(commands), &out);
	fputs(out.data, stdout);
	buf_free(&out);
	return 0;
}

/* One line, whatever a library put into the text. */
static int
complain(struct err *e)
{
	for (char *p = e->text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	fprintf(stderr, "posthornd: %s\n", e->text);
	return err_exit_code(e->kind);
}

int
main(int argc, char **argv)
{
	struct args args;
	struct err e;
	umask(022); /* DIR of --dev must be open to the user that PostgreSQL runs as */
	if (args_read(argc, argv, commands, ARRAY_LEN(commands), &args, &e) < 0)
		return complain(&e);
	if (args.help)
		return print_help();
	if (args.version)
		return puts("posthornd " POSTHORN_VERSION) < 0;
	if (faults_init(&e) < 0)
		return complain(&e);
	int status = args.command->run(&args, &e);
	config_wipe(&args.config);
	return status < 0 ? complain(&e) : status;
}
