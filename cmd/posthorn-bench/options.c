/* Reading the command line: --name VALUE or --name=VALUE, underscores of the table written as
 * dashes. No abbreviations: scripts that measure live long. */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#include "config/nearest.h"
#include "config/value.h"

#define NAME_SIZE  32
#define TOKEN_MAX  8192 /* bytes of a token file */
#define MILLIONTHS 1000000

enum option_type {
	TYPE_SWITCH,
	TYPE_TEXT,
	TYPE_INT,
	TYPE_DURATION,
	TYPE_SHARE,
};

static const struct bench_option {
	const char *name; /* with underscores */
	enum option_type type;
	int64_t min, max;
	const char *placeholder;
	const char *help;
	size_t offset;
} table[] = {
#define X(name, type, def, min, max, placeholder, help_text)                                       \
	{ #name, TYPE_##type, min, max, placeholder, help_text, offsetof(struct options, name) },
#include "options.def"
#undef X
};

static const struct options defaults = {
#define X(name, type, def, min, max, placeholder, help_text) .name = def,
#include "options.def"
#undef X
};

static void
spell(const struct bench_option *o, char out[NAME_SIZE])
{
	size_t i;
	for (i = 0; i < NAME_SIZE - 1 && o->name[i]; i++)
		out[i] = o->name[i] == '_' ? '-' : o->name[i];
	out[i] = '\0';
}

static const struct bench_option *
find(struct str name)
{
	char spelling[NAME_SIZE];
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		spell(&table[i], spelling);
		if (str_eq(name, str_of(spelling)))
			return &table[i];
	}
	return NULL;
}

static int
unknown(struct str name, struct err *e)
{
	char spelling[ARRAY_LEN(table)][NAME_SIZE];
	const char *names[ARRAY_LEN(table)];
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		spell(&table[i], spelling[i]);
		names[i] = spelling[i];
	}
	const char *near = nearest_name(name, names, ARRAY_LEN(table));
	if (near)
		return err_set(
		    e, ERR_USAGE, "unknown option --%.*s; did you mean --%s?", STR_FMT(name), near);
	return err_set(e, ERR_USAGE, "unknown option --%.*s; --help lists them", STR_FMT(name));
}

/* "0.25" into millionths. -1 when it is no fraction from 0 to 1. */
static int
share_parse(struct str s, int64_t *ret)
{
	struct str whole;
	int64_t n, fraction = 0;
	str_split(&s, '.', &whole);
	if (str_to_i64(whole, 0, 1, &n) || s.n > 6)
		return -1;
	if (s.p && (s.n == 0 || *s.p == '-' || str_to_i64(s, 0, MILLIONTHS, &fraction)))
		return -1;
	for (size_t digits = s.n; digits < 6; digits++)
		fraction *= 10;
	*ret = n * MILLIONTHS + fraction;
	return *ret <= MILLIONTHS ? 0 : -1;
}

static int
number_parse(const struct bench_option *o, struct str text, int64_t *ret, struct err *e)
{
	char name[NAME_SIZE];
	spell(o, name);
	if (o->type == TYPE_INT && str_to_i64(text, o->min, o->max, ret))
		return err_set(e, ERR_USAGE, "--%s takes a number from %lld to %lld", name,
		    (long long)o->min, (long long)o->max);
	if (o->type == TYPE_SHARE && share_parse(text, ret))
		return err_set(e, ERR_USAGE, "--%s takes a fraction from 0 to 1", name);
	if (o->type == TYPE_DURATION &&
	    (value_duration(text, ret) || *ret < o->min || *ret > o->max))
		return err_set(e, ERR_USAGE,
		    "--%s takes a time such as 250ms or 10s, from %lld to %lld ms", name,
		    (long long)o->min, (long long)o->max);
	return 0;
}

/* One argument, and its value from the next one where it needs to be. */
static int
take(struct options *o, char ***next, struct err *e)
{
	const char *argument = *(*next)++;
	if (strncmp(argument, "--", 2) != 0)
		return err_set(e, ERR_USAGE, "unexpected argument; options begin with two dashes");
	struct str name, value = str_of(argument + 2);
	str_split(&value, '=', &name);
	const struct bench_option *known = find(name);
	if (!known)
		return unknown(name, e);
	char *field = (char *)o + known->offset;
	if (known->type == TYPE_SWITCH) {
		if (value.p)
			return err_set(e, ERR_USAGE, "--%.*s takes no value", STR_FMT(name));
		*(bool *)(void *)field = true;
		return 0;
	}
	if (!value.p && !**next)
		return err_set(e, ERR_USAGE, "--%.*s needs a value", STR_FMT(name));
	if (!value.p)
		value = str_of(*(*next)++);
	if (known->type == TYPE_TEXT) {
		memcpy(field, &value.p, sizeof(value.p)); /* ends where its argument ends */
		return 0;
	}
	return number_parse(known, value, (int64_t *)(void *)field, e);
}

static int
read_token_file(const char *path, struct arena *a, const char **ret, struct err *e)
{
	char text[TOKEN_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	if (n < 0)
		return err_errno(e, ERR_USAGE, "cannot read the token file");
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	*ret = arena_strndup(a, text, (size_t)n);
	explicit_bzero(text, sizeof(text));
	return 0;
}

static int
complete(struct options *o, struct arena *a, struct err *e)
{
	if (!o->url)
		o->url = getenv("POSTHORN_URL");
	if (!o->url)
		o->url = "http://127.0.0.1:8071";
	if (!o->token && o->token_file && read_token_file(o->token_file, a, &o->token, e))
		return -1;
	if (!o->token)
		o->token = getenv("POSTHORN_TOKEN");
	if (!o->receive_only && (!o->token || !*o->token || strpbrk(o->token, " \r\n")))
		return err_set(e, ERR_USAGE, "no token: give --token-file FILE or POSTHORN_TOKEN");
	if (strcmp(o->output, "text") != 0 && strcmp(o->output, "json") != 0)
		return err_set(e, ERR_USAGE, "--output takes text or json");
	if (o->addresses && o->hook_url)
		return err_set(e, ERR_USAGE, "--addresses and --hook-url exclude each other");
	if (o->batch && o->with_content)
		return err_set(e, ERR_USAGE, "--with-content is not for batches");
	if (o->receive_only && (o->apps != 1 || o->endpoints == 0))
		return err_set(
		    e, ERR_USAGE, "--receive-only is for one application with endpoints");
	return 0;
}

int
options_read(struct options *o, int argc, char **argv, struct arena *a, struct err *e)
{
	*o = defaults;
	char **next = argc > 0 ? argv + 1 : argv; /* argv ends with NULL */
	while (*next)
		if (take(o, &next, e))
			return -1;
	return o->help || o->version ? 0 : complete(o, a, e);
}

void
options_write_help(struct buf *out)
{
	buf_adds(out,
	    "usage: posthorn-bench [OPTION]...\n\n"
	    "Posts events to a server with Svix's API, receives its deliveries, accounts for "
	    "every event and\nmeasures. Exit status 0 only if nothing accepted is missing "
	    "and no signature is wrong.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char name[NAME_SIZE];
		spell(&table[i], name);
		const char *placeholder = table[i].placeholder ? table[i].placeholder : "";
		size_t width = strlen(name) + strlen(placeholder);
		buf_addf(out, "  --%s %s%*s%s\n", name, placeholder,
		    width < 26 ? (int)(27 - width) : 1, "", table[i].help);
	}
	buf_adds(out,
	    "\nMIX is a list of WHAT[=HOW][:WEIGHT], given to the endpoints in blocks, in proportion:\n"
	    "  instant        200 at once\n"
	    "  close          200 at once, and the connection is closed\n"
	    "  slow=TIME      200 after that time\n"
	    "  fail=STATUS    always this status\n"
	    "  flaky=STATUS   this status the first time, 200 the next\n"
	    "  throttle=TIME  429 with Retry-After for that time, 200 for that time, in turns\n"
	    "  hang           no answer\n"
	    "  outage=TIME    200 for so long, then no answer\n"
	    "  dead           nobody listens\n"
	    "Events that only went to fail, hang, outage and dead are never missing.\n");
}
