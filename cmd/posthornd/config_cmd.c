/* posthornd config: the settings in force, or what the option table has to say about itself. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "dev.h"

/* The connection string without its password, in keyword form. What libpq does not understand is
 * left out altogether: it may be a password in the wrong place. */
static void
hide_password(config_text url)
{
	PQconninfoOption *all = PQconninfoParse(url, NULL);
	struct buf out;
	buf_init(&out, CONFIG_TEXT_MAX - 1);
	for (const PQconninfoOption *o = all; o && o->keyword; o++) {
		if (!o->val || strchr(o->dispchar, '*'))
			continue;
		buf_addf(&out, "%s%s='", out.len ? " " : "", o->keyword);
		for (const char *p = o->val; *p != '\0'; p++) {
			if (*p == '\'' || *p == '\\')
				buf_addc(&out, '\\');
			buf_addc(&out, *p);
		}
		buf_addc(&out, '\'');
	}
	snprintf(url, CONFIG_TEXT_MAX, "%s", all && !out.failed ? out.data : "(not shown)");
	PQconninfoFree(all);
	buf_free(&out);
}

int
config_cmd(struct args *a, struct err *e)
{
	struct config *c = &a->config;
	struct buf out;
	if (!a->example && !a->reference) {
		if (args_load_config(a, e) < 0)
			return -1;
		if (c->dev)
			dev_defaults(c);
		if (c->database_url[0] != '\0')
			hide_password(c->database_url);
		if (c->read_database_url[0] != '\0')
			hide_password(c->read_database_url);
	}
	buf_init(&out, 1 << 18);
	if (a->example)
		config_write_example(&out);
	else if (a->reference)
		config_write_reference(&out);
	else
		config_write_settings(c, &out);
	fputs(out.data, stdout);
	buf_free(&out);
	return 0;
}
