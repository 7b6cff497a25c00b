/* posthorn: the command line for admins and operators. Finds the command, prepares what it needs,
 * runs it, and turns an error into one line on standard error and an exit code (sysexits.h, by the
 * kind of the error). It talks REST only. */
#include <curl/curl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

#include "args.h"
#include "command.h"
#include "help.h"
#include "printable.h"
#include "rest.h"
#include "server.h"
#include "view.h"

#define TIMEOUT_S 30 /* as the server's own deadline for a request */

/* "endpoint get needs APP ENDPOINT" when there are too few words or too many. */
static int
check_words(const struct family *f, const struct command *c, const struct args *a, struct err *e)
{
	char name[COMMAND_NAME_SIZE];
	command_name(f, c, name);
	if (a->n >= c->min && a->n <= c->max)
		return 0;
	if (c->max == 0)
		return err_set(e, ERR_USAGE, "%s takes no arguments", name);
	return err_set(
	    e, ERR_USAGE, "%s %s %s", name, a->n < c->min ? "needs" : "takes only", c->words);
}

static int
view_from_args(struct view *ret, const struct args *a, struct err *e)
{
	enum view_format format = VIEW_TABLE;
	const char *text = args_text(a, FLAG_OUTPUT);
	if (text && view_format_from_text(text, &format))
		return err_set(e, ERR_USAGE, "--output takes table, json or tsv");
	view_init(ret, format);
	return 0;
}

static int
find_token(struct server *server, const struct args *a, enum command_token need, struct err *e)
{
	if (server_token(server, a, e))
		return -1;
	if (need != TOKEN_REQUIRED || server->token)
		return 0;
	return err_set(e, ERR_UNAUTHENTICATED,
	    "no token: give --token-file FILE or POSTHORN_TOKEN; posthornd --dev writes one to its "
	    "directory");
}

/* With a view and, unless the command is offline, a connection to be. */
static int
run_command(const struct command *c, const struct args *a, struct err *e)
{
	struct server server = { 0 };
	struct session s = { .command = c, .arena = a->arena };
	int rc = view_from_args(&s.view, a, e);
	if (rc)
		return -1;
	if (c->token != TOKEN_OFFLINE) {
		rc = server_from_args(&server, a, a->arena, e) ||
		     find_token(&server, a, c->token, e);
		s.rest = rest_new(&server, a->arena, args_int(a, FLAG_TIMEOUT, TIMEOUT_S));
	}
	if (rc == 0)
		rc = c->run(&s, a, e);
	if (rc == 0)
		rc = view_flush(e);
	rest_free(s.rest);
	server_done(&server);
	view_done(&s.view);
	return rc ? -1 : 0;
}

/* posthorn help [FAMILY [VERB]] */
static int
run_help(const struct args *a, struct err *e)
{
	if (args_has(a, FLAG_MAN))
		help_man();
	else if (a->n == 0)
		help_overview();
	else {
		const struct family *f = family_find(a->word[0], e);
		const struct command *c = f && a->n > 1 ? command_find(f, a->word[1], e) : NULL;
		if (!f || (a->n > 1 && !c))
			return -1;
		if (c)
			help_command(f, c);
		else
			help_family(f);
	}
	return view_flush(e);
}

/* What stands behind the family's name: verb, words, options. argv[0] is the name. */
static int
run_family(const struct family *f, struct args *a, int argc, char **argv, struct err *e)
{
	int used = 0;
	if (f->commands->verb) {
		if (args_leading(a, argc, argv, FLAGS_GLOBAL, &used, e))
			return -1;
		argc -= used + 1;
		argv += used + 1;
		if (argc == 0 && args_has(a, FLAG_HELP)) {
			help_family(f);
			return view_flush(e);
		}
	}
	const struct command *c = command_find(f, argc ? argv[0] : NULL, e);
	if (!c || args_rest(a, argc, argv, c->flags | FLAGS_GLOBAL, e))
		return -1;
	if (args_has(a, FLAG_HELP)) {
		help_command(f, c);
		return view_flush(e);
	}
	if (check_words(f, c, a, e))
		return -1;
	return run_command(c, a, e);
}

static int
run(struct args *a, int argc, char **argv, struct err *e)
{
	int used;
	if (args_leading(a, argc, argv, FLAGS_GLOBAL, &used, e))
		return -1;
	argc -= used + 1;
	argv += used + 1;
	if (args_has(a, FLAG_VERSION)) {
		puts("posthorn " POSTHORN_VERSION);
		return view_flush(e);
	}
	if (argc == 0)
		return run_help(a, e);
	if (strcmp(argv[0], "help") == 0)
		return args_rest(a, argc, argv, FLAGS_GLOBAL | FLAG_BIT(MAN), e) ? -1
										 : run_help(a, e);
	const struct family *f = family_find(argv[0], e);
	return f ? run_family(f, a, argc, argv, e) : -1;
}

int
main(int argc, char **argv)
{
	struct err e;
	setlocale(LC_CTYPE, "");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	struct args *a = mem_zalloc(sizeof(*a));
	a->arena = arena_new();
	int rc = run(a, argc, argv, &e);
	fflush(stdout);
	if (rc)
		fprintf(stderr, "posthorn: %s\n",
		    printable_line(a->arena, str_of(e.text), sizeof(e.text)));
	arena_free(a->arena);
	free(a);
	curl_global_cleanup();
	return rc ? err_exit_code(e.kind) : 0;
}
