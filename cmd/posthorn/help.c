/* Help for people at a terminal. Everything here comes from families[] and flag_specs[]. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "args.h"

/* In columns. */
#define LINE_WIDTH   100
#define FAMILY_WIDTH 19 /* of the first words of commands */
#define NAME_WIDTH   26 /* of option names; longer ones take a line of their own */

/* "--limit N", with its letter in front or blanks in its place. */
static void
print_flag(const struct flag_spec *s)
{
	char name[80];
	if (s->letter)
		snprintf(name, sizeof(name), "-%c, --%s %s", s->letter, s->name,
		    s->placeholder ? s->placeholder : "");
	else
		snprintf(name, sizeof(name), "    --%s %s", s->name,
		    s->placeholder ? s->placeholder : "");
	if (strlen(name) > NAME_WIDTH)
		printf("  %s\n  %-*s %s\n", name, NAME_WIDTH, "", s->help);
	else
		printf("  %-*s %s\n", NAME_WIDTH, name, s->help);
}

static void
print_flags(const char *title, flag_set flags)
{
	if (!flags)
		return;
	printf("\n%s:\n", title);
	for (int f = 0; f < FLAG_COUNT; f++)
		if (flags >> f & 1)
			print_flag(&flag_specs[f]);
}

static void
print_usage(const struct family *f, const struct command *c)
{
	char name[COMMAND_NAME_SIZE];
	printf("posthorn %s%s%s%s", command_name(f, c, name), c->words ? " " : "",
	    c->words ? c->words : "", c->flags ? " [OPTION...]" : "");
}

/* The words that follow a command's name, in lines that fit a terminal. */
static void
print_verbs(const struct command *c)
{
	size_t column = 0;
	for (; c->run; c++) {
		if (column + 1 + strlen(c->verb) > LINE_WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (column == 0)
			column = (size_t)printf("  %-*s  ", FAMILY_WIDTH, "");
		column += (size_t)printf(" %s", c->verb);
	}
	putchar('\n');
}

void
help_overview(void)
{
	puts("posthorn: the command line of the Posthorn webhook delivery service\n\n"
	     "usage: posthorn COMMAND [ARGUMENT...] [OPTION...]\n\ncommands:");
	for (int i = 0; families[i]; i++) {
		const struct family *f = families[i];
		printf("  %-*s %s\n", FAMILY_WIDTH, f->name, f->summary);
		if (!f->commands->verb)
			continue;
		print_verbs(f->commands);
	}
	printf("  %-*s help COMMAND explains a command\n", FAMILY_WIDTH, "help");
	print_flags("options of every command", FLAGS_GLOBAL);
	puts("\nexample:\n"
	     "  posthorn app create 'Acme Inc.' --uid acme\n"
	     "  posthorn endpoint create acme https://example.com/hook\n"
	     "  posthorn send acme invoice.paid --data '{\"amount\": 1.10}'");
}

void
help_family(const struct family *f)
{
	if (!f->commands->verb) {
		help_command(f, f->commands);
		return;
	}
	printf("%s\n\n", f->summary);
	for (const struct command *c = f->commands; c->run; c++) {
		print_usage(f, c);
		printf("\n    %s\n    example: %s\n", c->summary, c->example);
	}
	printf("\nposthorn help %s VERB shows the options of each.\n", f->name);
}

void
help_command(const struct family *f, const struct command *c)
{
	fputs("usage: ", stdout);
	print_usage(f, c);
	printf("\n\n  %s%s%s\n", c->summary, c->detail ? "\n  " : "", c->detail ? c->detail : "");
	if (c->clears)
		printf("  --clear takes: %s\n", c->clears);
	print_flags("options", c->flags);
	print_flags("options of every command", FLAGS_GLOBAL);
	printf("\nexample:\n  %s\n", c->example);
}
