/* Reading argv. Options of the service come from options.def (--name VALUE or --name=VALUE; a BOOL
 * needs no value), the flags of the commands from the table here. getopt_long(3) is not used: it
 * takes abbreviations, which make every new option a risk for old scripts. */
#include "args.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "config/nearest.h"
#include "config/option.h"

enum flag_value {
	FLAG_ALONE,    /* --help */
	FLAG_TEXT,     /* --org ORG, --org=ORG */
	FLAG_OPTIONAL, /* --dev, --dev=DIR */
};

static const struct flag {
	const char *name;
	enum flag_value value;
	size_t offset;       /* of its const char * in struct args */
	const char *command; /* the only one that takes it; NULL: all */
	const char *placeholder;
	const char *help;
} flags[] = {
	{ "config", FLAG_TEXT, offsetof(struct args, config_path), NULL, " FILE",
	    "read this configuration file (also: POSTHORN_CONFIG)" },
	{ "dev", FLAG_OPTIONAL, offsetof(struct args, dev), NULL, "[=DIR]",
	    "development mode: a private PostgreSQL, keys and a token in DIR" },
	{ "help", FLAG_ALONE, offsetof(struct args, help), NULL, "", "print this and exit" },
	{ "version", FLAG_ALONE, offsetof(struct args, version), NULL, "",
	    "print the version and exit" },
	{ "org", FLAG_TEXT, offsetof(struct args, org), "token", " ORG",
	    "organisation of the token [org_posthorn]" },
	{ "app", FLAG_TEXT, offsetof(struct args, app), "token", " APP",
	    "restrict the token to this application (app_…)" },
	{ "lifetime", FLAG_TEXT, offsetof(struct args, lifetime), "token", " DURATION",
	    "how long the token is valid [10y]" },
	{ "example", FLAG_ALONE, offsetof(struct args, example), "config", "",
	    "print a configuration file with every option" },
	{ "reference", FLAG_ALONE, offsetof(struct args, reference), "config", "",
	    "print the reference page of the options (Markdown)" },
};

/* What stands left to read. */
struct reader {
	char **next;
	char **end;
	struct args *args;
	const struct command *commands;
	int ncommands;
};

static const struct flag *
flag_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (str_eq(name, str_of(flags[i].name)))
			return &flags[i];
	return NULL;
}

static int
unknown_flag(struct str name, struct err *e)
{
	char spelling[CONFIG_OPTIONS][OPTION_SPELLING_MAX];
	const char *names[ARRAY_LEN(flags) + CONFIG_OPTIONS];
	int n = 0;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		names[n++] = flags[i].name;
	for (int i = 0; i < CONFIG_OPTIONS; i++)
		names[n++] =
		    option_spelling(str_of(options[i].name), CONFIG_FROM_FLAG, spelling[i]) + 2;
	const char *near = nearest_name(name, names, n);
	if (near)
		return err_set(
		    e, ERR_USAGE, "unknown option --%.*s; did you mean --%s?", STR_FMT(name), near);
	return err_set(
	    e, ERR_USAGE, "unknown option --%.*s; posthornd --help lists them", STR_FMT(name));
}

/* The value of a flag that must have one: behind its sign, or the next argument. */
static int
take_value(struct reader *r, struct str name, const char *given, const char **ret, struct err *e)
{
	if (!given && r->next == r->end)
		return err_set(e, ERR_USAGE, "--%.*s needs a value", STR_FMT(name));
	*ret = given ? given : *r->next++;
	return 0;
}

static int
read_flag(struct reader *r, const struct flag *f, const char *given, struct err *e)
{
	const char *value = given ? given : "";
	assert(f); /* "help" is in the table */
	if (f->value == FLAG_ALONE && given)
		return err_set(e, ERR_USAGE, "--%s takes no value", f->name);
	if (f->value == FLAG_OPTIONAL && given && *given == '\0')
		return err_set(e, ERR_USAGE, "--%s= needs a value behind the sign", f->name);
	if (f->value == FLAG_TEXT && take_value(r, str_of(f->name), given, &value, e) < 0)
		return -1;
	memcpy((char *)r->args + f->offset, &value, sizeof(value));
	return 0;
}

static int
read_option(struct reader *r, int i, struct str name, const char *given, struct err *e)
{
	const char *value = given;
	if (!given && options[i].type == VALUE_BOOL)
		value = "true";
	else if (take_value(r, name, given, &value, e) < 0)
		return -1;
	if (config_set(&r->args->config, options[i].name, value, CONFIG_FROM_FLAG, e) == 0)
		return 0;
	e->kind = ERR_USAGE;
	return -1;
}

static int
read_word(struct reader *r, const char *word, struct err *e)
{
	const char *names[16];
	int n = 0;
	if (r->args->command->name)
		return err_set(e, ERR_USAGE, "unexpected argument \"%.40s\"", word);
	for (int i = 0; i < r->ncommands && n < (int)ARRAY_LEN(names); i++) {
		if (!r->commands[i].name)
			continue;
		if (strcmp(word, r->commands[i].name) == 0) {
			r->args->command = &r->commands[i];
			return 0;
		}
		names[n++] = r->commands[i].name;
	}
	const char *near = nearest_name(str_of(word), names, n);
	if (near)
		return err_set(
		    e, ERR_USAGE, "unknown command \"%.40s\"; did you mean \"%s\"?", word, near);
	return err_set(
	    e, ERR_USAGE, "unknown command \"%.40s\"; posthornd --help lists them", word);
}

static int
read_argument(struct reader *r, char *argument, struct err *e)
{
	if (argument[0] != '-' || argument[1] == '\0')
		return read_word(r, argument, e);
	if (strcmp(argument, "-h") == 0)
		return read_flag(r, flag_find(STR("help")), NULL, e);
	if (argument[1] != '-')
		return err_set(
		    e, ERR_USAGE, "unknown option %.40s; options begin with two dashes", argument);
	struct str name, value = str_of(argument + 2);
	str_split(&value, '=', &name);
	const struct flag *f = flag_find(name);
	if (f)
		return read_flag(r, f, value.p, e);
	int i = option_find(name);
	if (i >= 0)
		return read_option(r, i, name, value.p, e);
	return unknown_flag(name, e);
}

/* Flags may stand before the command, so whom they belong to is known only at the end. */
static int
check_flags(const struct args *a, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		const char *value;
		memcpy(&value, (const char *)a + flags[i].offset, sizeof(value));
		const char *mine = a->command->name ? a->command->name : "";
		if (value && flags[i].command && strcmp(flags[i].command, mine) != 0)
			return err_set(e, ERR_USAGE, "--%s belongs to posthornd %s", flags[i].name,
			    flags[i].command);
	}
	return 0;
}

int
args_read(
    int argc, char **argv, const struct command *commands, int n, struct args *ret, struct err *e)
{
	*ret = (struct args){ .command = commands };
	config_init(&ret->config);
	struct reader r = { argc > 0 ? argv + 1 : argv, argv + argc, ret, commands, n };
	while (r.next < r.end)
		if (read_argument(&r, *r.next++, e) < 0)
			return -1;
	return check_flags(ret, e);
}

int
args_load_config(struct args *a, struct err *e)
{
	const char *path = a->config_path ? a->config_path : getenv("POSTHORN_CONFIG");
	if (path && *path && config_read_file(&a->config, path, e) < 0)
		return -1;
	a->config.dev = a->dev != NULL;
	return config_read_env(&a->config, environ, e);
}

static void
write_row(const char *name, const char *placeholder, const char *help, struct buf *out)
{
	size_t width = strlen(name) + strlen(placeholder);
	buf_addf(
	    out, "  %s%s%*s%s\n", name, placeholder, width < 31 ? (int)(32 - width) : 1, "", help);
}

void
args_write_help(const struct command *commands, int n, struct buf *out)
{
	buf_adds(out, "usage: posthornd [COMMAND] [OPTION]...\n\ncommands:\n");
	for (int i = 0; i < n; i++)
		write_row(
		    commands[i].name ? commands[i].name : "(none)", "", commands[i].summary, out);
	buf_adds(out, "\nflags:\n");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		char name[64] = "--", help[160] = "";
		strlcat(name, flags[i].name, sizeof(name));
		if (flags[i].command) {
			strlcat(help, flags[i].command, sizeof(help));
			strlcat(help, ": ", sizeof(help));
		}
		strlcat(help, flags[i].help, sizeof(help));
		write_row(name, flags[i].placeholder, help, out);
	}
	buf_adds(out,
	    "\noptions, also as name = value in the file and as POSTHORN_NAME in the environment:\n");
	config_write_help(out);
}
