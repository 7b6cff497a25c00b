/* Parsing the command line with getopt_long(3): the option table of a command is made from the bits
 * of its flags, values are checked here once, messages are ours (opterr = 0) and never dump usage.
 *
 * Values are never quoted in an error: one may be a secret that was mistyped. */
#include "args.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "base/str.h"

const struct flag_spec flag_specs[FLAG_COUNT] = {
#define X(name, text, letter, placeholder, type, min, max, field, query, help)                     \
	[FLAG_##name] = { text, letter, placeholder, FLAG_##type, min, max, field, query, help },
#include "flags.def"
#undef X
};

#define LETTERS_SIZE (2 * FLAG_COUNT + 3)

/* What getopt_long wants, made from a set of flags. */
struct getopt_table {
	struct option longs[FLAG_COUNT + 1];
	char letters[LETTERS_SIZE];
};

/* mode: '+' to stop at the first word, 0 to go on. */
static void
table_make(struct getopt_table *t, flag_set flags, char mode)
{
	int n = 0;
	char *l = t->letters;
	if (mode)
		*l++ = mode;
	*l++ = ':';
	for (int f = 0; f < FLAG_COUNT; f++) {
		const struct flag_spec *s = &flag_specs[f];
		if (!(flags >> f & 1))
			continue;
		int has = s->type == FLAG_SWITCH ? no_argument : required_argument;
		t->longs[n++] = (struct option){ s->name, has, NULL, 256 + f };
		if (!s->letter)
			continue;
		*l++ = s->letter;
		if (has == required_argument)
			*l++ = ':';
	}
	t->longs[n] = (struct option){ 0 };
	*l = '\0';
}

/* An unknown option, with the nearest that exists. */
static int
unknown_option(const char *given, flag_set flags, struct err *e)
{
	if (strncmp(given, "--", 2) != 0)
		return err_set(e, ERR_USAGE, "unknown option -%c", optopt > ' ' ? optopt : '?');
	char name[NEAREST_MAX + 1];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(given + 2, "="), given + 2);
	struct nearest near;
	nearest_init(&near, name);
	for (int f = 0; f < FLAG_COUNT; f++)
		if (flags >> f & 1)
			nearest_offer(&near, flag_specs[f].name);
	if (near.best)
		return err_set(
		    e, ERR_USAGE, "unknown option --%s; did you mean --%s?", name, near.best);
	return err_set(e, ERR_USAGE, "unknown option --%s; --help shows those it takes", name);
}

/* An age such as 15m: that long before now. Returns -1 when it is none. */
static int
age_parse(struct str s, struct wall *ret)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	int64_t n;
	if (s.n < 2 || str_to_i64((struct str){ s.p, s.n - 1 }, 0, 1000000, &n))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (s.p[s.n - 1] != units[i].unit)
			continue;
		ret->us = clock_wall().us - n * units[i].seconds * USEC_PER_SEC;
		return 0;
	}
	return -1;
}

/* One value of a flag, checked. */
static int
take_value(struct args *a, enum flag f, const char *text, struct err *e)
{
	const struct flag_spec *s = &flag_specs[f];
	struct arg *arg = &a->arg[f];
	bool list = s->type == FLAG_LIST || s->type == FLAG_PAIRS || s->type == FLAG_HEADERS;
	struct wall at;

	if (list && arg->n == ARGS_REPEAT_MAX)
		return err_set(
		    e, ERR_USAGE, "--%s is given more than %d times", s->name, ARGS_REPEAT_MAX);
	if (s->type == FLAG_INT && str_to_i64(str_of(text), s->min, s->max, &arg->number))
		return err_set(e, ERR_USAGE, "--%s takes a number from %lld to %lld", s->name,
		    (long long)s->min, (long long)s->max);
	if (s->type == FLAG_TIME) {
		if (age_parse(str_of(text), &at) && wall_from_text(str_of(text), &at))
			return err_set(e, ERR_USAGE,
			    "--%s takes a time such as 2026-01-31T12:00:00Z or an age such as 2h",
			    s->name);
		char out[WALL_TEXT_SIZE];
		text = arena_strdup(a->arena, wall_to_text(at, out));
	}
	if (!list)
		arg->n = 0;
	arg->text[arg->n++] = text;
	return 0;
}

/* Which flag getopt_long's answer means; it answered 256 + flag, or a letter. */
static enum flag
flag_of(int answer)
{
	if (answer >= 256)
		return (enum flag)(answer - 256);
	for (int f = 0; f < FLAG_COUNT; f++)
		if (flag_specs[f].letter == answer)
			return (enum flag)f;
	return FLAG_COUNT;
}

/* Leaves optind at the first element that is no option. */
static int
options_read(struct args *a, int argc, char **argv, flag_set flags, char mode, struct err *e)
{
	struct getopt_table t;
	table_make(&t, flags, mode);
	opterr = 0;
	optind = 0; /* glibc: start afresh, the mode included */
	for (;;) {
		int at = optind ? optind : 1;
		int answer = getopt_long(argc, argv, t.letters, t.longs, NULL);
		if (answer == -1)
			return 0;
		if (answer == '?' && optopt >= 256)
			return err_set(
			    e, ERR_USAGE, "--%s takes no value", flag_specs[optopt - 256].name);
		if (answer == '?')
			return unknown_option(optopt ? "-" : argv[optind - 1], flags, e);
		if (answer == ':')
			return err_set(e, ERR_USAGE, "%s needs a value",
			    optopt >= 256
				? arena_printf(a->arena, "--%s", flag_specs[optopt - 256].name)
				: argv[at]);
		if (take_value(a, flag_of(answer), optarg, e))
			return -1;
	}
}

int
args_leading(struct args *a, int argc, char **argv, flag_set flags, int *ret_used, struct err *e)
{
	if (options_read(a, argc, argv, flags, '+', e))
		return -1;
	*ret_used = optind - 1;
	return 0;
}

int
args_rest(struct args *a, int argc, char **argv, flag_set flags, struct err *e)
{
	if (options_read(a, argc, argv, flags, 0, e))
		return -1;
	for (int i = optind; i < argc; i++) {
		if (a->n == ARGS_WORDS_MAX)
			return err_set(e, ERR_USAGE, "too many arguments");
		a->word[a->n++] = argv[i];
	}
	return 0;
}

bool
args_has(const struct args *a, enum flag f)
{
	return a->arg[f].n > 0;
}

const char *
args_text(const struct args *a, enum flag f)
{
	const struct arg *arg = &a->arg[f];
	return arg->n ? arg->text[arg->n - 1] : NULL;
}

int64_t
args_int(const struct args *a, enum flag f, int64_t otherwise)
{
	return args_has(a, f) ? a->arg[f].number : otherwise;
}
