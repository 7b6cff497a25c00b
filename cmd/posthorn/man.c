/* The manual page posthorn(1) in mdoc(7), from the same tables as the help. docs/posthorn.1 is this
 * output; a lint compares them. */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "help.h"

/* Text with what roff would interpret escaped: a backslash, a hyphen that must stay one, and a dot
 * or quote at the beginning of a line. Macro arguments (quoted) double their quotes. */
static void
put_roff(const char *text, bool argument)
{
	if (!argument && (*text == '.' || *text == '\''))
		fputs("\\&", stdout);
	for (const char *p = text; *p; p++) {
		if (*p == '\\')
			fputs("\\e", stdout);
		else if (*p == '-')
			fputs("\\-", stdout);
		else if (*p == '"' && argument)
			fputs("\"\"", stdout);
		else if (*p == '\'')
			fputs("\\(aq", stdout);
		else
			putchar(*p);
	}
}

/* .macro "argument" */
static void
put_macro(const char *macro, const char *argument)
{
	printf(".%s \"", macro);
	put_roff(argument, true);
	fputs("\"\n", stdout);
}

static void
put_line(const char *text)
{
	put_roff(text, false);
	putchar('\n');
}

static void
put_flag(const struct flag_spec *s)
{
	fputs(".It ", stdout);
	if (s->letter)
		printf("Fl %c , ", s->letter);
	fputs("Fl \\-", stdout);
	put_roff(s->name, true);
	if (s->placeholder) {
		fputs(" Ar \"", stdout);
		put_roff(s->placeholder, true);
		putchar('"');
	}
	putchar('\n');
	put_line(s->help);
}

static void
put_flags(flag_set flags)
{
	if (!flags)
		return;
	puts(".Bl -tag -width Ds");
	for (int f = 0; f < FLAG_COUNT; f++)
		if (flags >> f & 1)
			put_flag(&flag_specs[f]);
	puts(".El");
}

static void
put_command(const struct family *f, const struct command *c)
{
	char name[COMMAND_NAME_SIZE], usage[160];
	snprintf(usage, sizeof(usage), "%s%s%s", command_name(f, c, name), c->words ? " " : "",
	    c->words ? c->words : "");
	put_macro("Ss", usage);
	put_line(c->summary);
	if (c->detail) {
		puts(".Pp");
		put_line(c->detail);
	}
	if (c->clears) {
		puts(".Pp\n.Fl \\-clear\ntakes:");
		put_line(c->clears);
	}
	put_flags(c->flags);
	puts(".Bd -literal -offset indent");
	put_line(c->example);
	puts(".Ed");
}

static void
put_commands(void)
{
	puts(".Sh COMMANDS");
	for (int i = 0; families[i]; i++)
		for (const struct command *c = families[i]->commands; c->run; c++)
			put_command(families[i], c);
}

static const char head[] =
    ".Dd November 21, 2026\n"
    ".Dt POSTHORN 1\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm posthorn\n"
    ".Nd command line of the Posthorn webhook delivery service\n"
    ".Sh SYNOPSIS\n"
    ".Nm\n"
    ".Ar command\n"
    ".Op Ar argument ...\n"
    ".Op Ar option ...\n"
    ".Sh DESCRIPTION\n"
    "It asks a running posthornd over its REST API and shows the answer as a\n"
    "table for people, as JSON as it came, or as tab\\-separated values with a\n"
    "line of names.\n"
    "Wherever an id is wanted, the uid that was given at creation will do.\n"
    "Options may stand before, between and behind the arguments.\n"
    ".Pp\n"
    "Every request that creates something carries an idempotency key and is\n"
    "repeated once when the connection fails or the server answers 5xx.\n"
    ".Sh OPTIONS\n"
    "Every command takes these:\n";

static const char tail[] =
    ".Sh ENVIRONMENT\n"
    ".Bl -tag -width Ds\n"
    ".It Ev POSTHORN_URL\n"
    "The server, when\n"
    ".Fl \\-url\n"
    "is not given.\n"
    ".It Ev POSTHORN_TOKEN\n"
    "The bearer token, when neither\n"
    ".Fl \\-token\n"
    "nor\n"
    ".Fl \\-token\\-file\n"
    "is given.\n"
    ".El\n"
    ".Sh FILES\n"
    "Without a token, and for a server on this machine only, the first of these that can be\n"
    "read is used; posthornd \\-\\-dev writes it. The latter two count when XDG_STATE_HOME is not set.\n"
    ".Bl -tag -width Ds\n"
    ".It Pa $XDG_STATE_HOME/posthorn/token\n"
    ".It Pa ~/.local/state/posthorn/token\n"
    ".It Pa /var/lib/posthorn/token\n"
    ".El\n"
    ".Sh EXIT STATUS\n"
    ".Bl -tag -width Ds\n"
    ".It 0\nIt is done.\n"
    ".It 64\nThe command line is wrong.\n"
    ".It 65\nThe server refused what it was given, or a signature does not match.\n"
    ".It 66\nThere is no such thing.\n"
    ".It 69\nThe server cannot be reached, or cannot do it now.\n"
    ".It 70\nThe server failed.\n"
    ".It 74\nA file cannot be read or written, or the answer makes no sense.\n"
    ".It 75\nToo many requests; try again later.\n"
    ".It 77\nThe token is missing, invalid, or not enough.\n"
    ".El\n"
    ".Sh SEE ALSO\n"
    ".Xr posthornd 8\n";

void
help_man(void)
{
	fputs(head, stdout);
	put_flags(FLAGS_GLOBAL);
	put_commands();
	fputs(tail, stdout);
}
