/* The options: what each is set to, by whom, and whether all of it makes sense together.
 *
 * Precedence does not hang on the order of calls: a value is stored only when nothing of a higher
 * source stands there (enum config_source is in rising order), but it is checked in any case, so
 * that a mistake in the file is found even where a flag overrides it. */
#include "config/config.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/nearest.h"
#include "config/option.h"
#include "config/value.h"

const struct option options[CONFIG_OPTIONS] = {
#define X(name, type, def, min, max, help)                                                         \
	{ #name, VALUE_##type, def, { min, max }, help, offsetof(struct config, name) },
#include "config/options.def"
#undef X
};

static void *
field(struct config *c, int i)
{
	return (char *)c + options[i].offset;
}

const void *
option_value(const struct config *c, int i)
{
	return (const char *)c + options[i].offset;
}

void
config_init(struct config *c)
{
	*c = (struct config){ .dev = false };
	for (int i = 0; i < CONFIG_OPTIONS; i++) {
		struct err e;
		int r = config_set(c, options[i].name, options[i].def, CONFIG_FROM_DEFAULT, &e);
		assert(r == 0); /* a default that its own type refuses is a mistake in the table */
		(void)r;
	}
}

/* Dashes and underscores are the same letter. */
static bool
same_name(struct str typed, const char *name)
{
	size_t i = 0;
	for (; i < typed.n && name[i] != '\0'; i++)
		if (typed.p[i] != name[i] && !(typed.p[i] == '-' && name[i] == '_'))
			return false;
	return i == typed.n && name[i] == '\0';
}

int
option_find(struct str name)
{
	for (int i = 0; i < CONFIG_OPTIONS; i++)
		if (same_name(name, options[i].name))
			return i;
	return -1;
}

const char *
option_spelling(struct str name, enum config_source from, char out[OPTION_SPELLING_MAX])
{
	static const char *const prefixes[] = {
		[CONFIG_FROM_DEFAULT] = "",
		[CONFIG_FROM_FILE] = "",
		[CONFIG_FROM_ENV] = "POSTHORN_",
		[CONFIG_FROM_FLAG] = "--",
	};
	int n = snprintf(out, OPTION_SPELLING_MAX, "%s%.*s", prefixes[from],
	    (int)(name.n < OPTION_NAME_MAX ? name.n : OPTION_NAME_MAX), name.p);
	for (int i = (int)strlen(prefixes[from]); i < n; i++) {
		if (from == CONFIG_FROM_ENV)
			out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
		else if (from == CONFIG_FROM_FLAG && out[i] == '_')
			out[i] = '-';
		if (!isprint((unsigned char)out[i]))
			out[i] = '?';
	}
	return out;
}

/* "unknown option --lisen; did you mean --listen?" */
static int
unknown(struct str name, enum config_source from, struct err *e)
{
	char folded[NEAREST_NAME_MAX + 1], typed[OPTION_SPELLING_MAX], meant[OPTION_SPELLING_MAX];
	const char *names[CONFIG_OPTIONS];
	struct str wanted = { folded, name.n < sizeof(folded) ? name.n : sizeof(folded) };
	for (size_t i = 0; i < wanted.n; i++)
		folded[i] = name.p[i] == '-' ? '_' : (char)tolower((unsigned char)name.p[i]);
	for (int i = 0; i < CONFIG_OPTIONS; i++)
		names[i] = options[i].name;
	option_spelling(name, from, typed);
	const char *near = nearest_name(wanted, names, CONFIG_OPTIONS);
	if (!near)
		return err_set(e, ERR_CONFIG, "unknown option %s", typed);
	return err_set(e, ERR_CONFIG, "unknown option %s; did you mean %s?", typed,
	    option_spelling(str_of(near), from, meant));
}

/* Puts the option's name before a complaint of its type, and the value behind it where it may be
 * shown: not a secret, not a connection string that may hold a password. */
static int
refused(int i, struct str value, enum config_source from, struct err *e)
{
	char name[OPTION_SPELLING_MAX];
	option_spelling(str_of(options[i].name), from, name);
	size_t n = strlen(e->text);
	if (!value_is_secret(options[i].type) && options[i].type != VALUE_TEXT &&
	    n < sizeof(e->text)) {
		char shown[41];
		snprintf(shown, sizeof(shown), "%.*s", (int)(value.n < 40 ? value.n : 40), value.p);
		for (char *p = shown; *p != '\0'; p++)
			if (!isprint((unsigned char)*p))
				*p = '?';
		snprintf(e->text + n, sizeof(e->text) - n, ", not \"%s\"", shown);
	}
	return err_prefix(e, "%s", name);
}

int
config_set(
    struct config *c, const char *name, const char *value, enum config_source from, struct err *e)
{
	int i = option_find(str_of(name));
	if (i < 0)
		return unknown(str_of(name), from, e);
	union value v;
	if (value_parse(options[i].type, str_of(value), options[i].range, &v, e) < 0)
		return refused(i, str_of(value), from, e);
	if (from >= c->source[i]) {
		memcpy(field(c, i), &v, value_size(options[i].type));
		c->source[i] = from;
	}
	if (value_is_secret(options[i].type))
		explicit_bzero(&v, sizeof(v));
	return 0;
}

bool
config_is_set(const struct config *c, const char *name)
{
	int i = option_find(str_of(name));
	assert(i >= 0);
	return c->source[i] != CONFIG_FROM_DEFAULT;
}

int
config_require_database(const struct config *c, struct err *e)
{
	if (c->database_url[0] != '\0')
		return 0;
	return err_set(e, ERR_CONFIG,
	    "no database: set POSTHORN_DATABASE_URL (or database_url in the configuration file), "
	    "or try posthornd --dev, which brings its own PostgreSQL");
}

int
config_check(const struct config *c, struct err *e)
{
	struct token_key *key;
	if (!c->dev && config_require_database(c, e) < 0)
		return -1;
	if (config_token_key(c, &key, e) < 0)
		return -1;
	token_key_free(key);
	if (c->listen[0] == '\0')
		return err_set(e, ERR_CONFIG,
		    "listen is empty: it takes an address and a port, as in "
		    "listen = 127.0.0.1:8071");
	/* A body that can never fit would be held back for ever. */
	if (c->body_max > c->queue_bytes_max)
		return err_set(e, ERR_CONFIG,
		    "body_max is larger than queue_bytes_max: lower the first "
		    "or raise the second");
	return 0;
}

void
config_wipe(struct config *c)
{
	for (int i = 0; i < CONFIG_OPTIONS; i++)
		if (value_is_secret(options[i].type))
			explicit_bzero(field(c, i), value_size(options[i].type));
}
