/* What people read about the options, made from the same table that the readers use: --help, the
 * example file, the reference page, and the settings in force. */
#include <ctype.h>
#include <string.h>

#include "config/config.h"
#include "config/option.h"
#include "config/value.h"

#define HELP_COLUMN 34 /* where the help texts of the flags begin */

/* ---- --help --------------------------------------------------------------------------- */

void
config_write_help(struct buf *out)
{
	char flag[OPTION_SPELLING_MAX];
	for (int i = 0; i < CONFIG_OPTIONS; i++) {
		const struct option *o = &options[i];
		option_spelling(str_of(o->name), CONFIG_FROM_FLAG, flag);
		size_t start = out->len;
		buf_addf(out, "  %s %s", flag, value_placeholder(o->type));
		int width = (int)(out->len - start);
		buf_addf(
		    out, "%*s%s", width < HELP_COLUMN - 1 ? HELP_COLUMN - width : 1, "", o->help);
		if (o->def[0] != '\0')
			buf_addf(out, " [%s]", o->def);
		buf_addc(out, '\n');
	}
}

/* ---- the example file ----------------------------------------------------------------- */

/* Comment lines of at most about 90 columns. */
static void
write_comment(const char *text, struct buf *out)
{
	struct str rest = str_of(text), word;
	size_t column = 0;
	while (str_split(&rest, ' ', &word)) {
		if (column > 0 && column + 1 + word.n > 90) {
			buf_addc(out, '\n');
			column = 0;
		}
		buf_addf(out, "%s%.*s", column == 0 ? "# " : " ", STR_FMT(word));
		column += 1 + word.n;
	}
	buf_addc(out, '\n');
}

void
config_write_example(struct buf *out)
{
	buf_adds(out,
	    "# Configuration of posthornd: every option, with its default.\n"
	    "#\n"
	    "# Each can also be set by a flag (--name VALUE, with dashes) or by an environment\n"
	    "# variable (POSTHORN_NAME); a flag goes before the environment, that before this file.\n"
	    "# A comment stands on a line of its own. Made by: posthornd config --example\n");
	for (int i = 0; i < CONFIG_OPTIONS; i++) {
		const struct option *o = &options[i];
		buf_addc(out, '\n');
		write_comment(o->help, out);
		buf_addf(out, "#%s =%s%s\n", o->name, o->def[0] ? " " : "", o->def);
	}
}

/* ---- the reference page --------------------------------------------------------------- */

static void
write_range(const struct option *o, struct buf *out)
{
	if (o->range.min == 0 && o->range.max == 0)
		return;
	buf_adds(out, ", from ");
	value_write(o->type, &o->range.min, out);
	buf_adds(out, " to ");
	value_write(o->type, &o->range.max, out);
}

void
config_write_reference(struct buf *out)
{
	char env[OPTION_SPELLING_MAX], flag[OPTION_SPELLING_MAX];
	buf_adds(out,
	    "# Configuration\n\n"
	    "<!-- Made by: posthornd config --reference. Edit lib/config/options.def instead. -->\n\n"
	    "Options come from flags, the environment, a file and defaults; the first of these that\n"
	    "sets an option wins. The file is named by `--config FILE` or `POSTHORN_CONFIG`; it holds\n"
	    "`name = value` lines, comments on lines of their own after `#` or `;`, and sections, which\n"
	    "mean nothing. `posthornd config` prints the settings in force.\n"
	    "A production node must have a `database_url` and a `jwt_secret` (or another\n"
	    "`jwt_algorithm` with its key); `--dev` needs nothing.\n");
	for (int i = 0; i < CONFIG_OPTIONS; i++) {
		const struct option *o = &options[i];
		struct str name = str_of(o->name);
		option_spelling(name, CONFIG_FROM_ENV, env);
		option_spelling(name, CONFIG_FROM_FLAG, flag);
		buf_addf(out, "\n## %s\n\n%c%s.\n\n", o->name, toupper((unsigned char)o->help[0]),
		    o->help + 1);
		buf_addf(out, "- `%s`, `%s`", flag, env);
		if (value_is_secret(o->type))
			buf_addf(out, ", `%s_FILE` (the path of a file that holds it)", env);
		buf_addf(out, "\n- %s", value_syntax(o->type));
		write_range(o, out);
		if (o->def[0] != '\0')
			buf_addf(out, "\n- default: `%s`\n", o->def);
		else
			buf_adds(out, "\n- default: empty\n");
	}
}

/* ---- the settings in force ------------------------------------------------------------ */

static const char *const sources[] = {
	[CONFIG_FROM_DEFAULT] = "default",
	[CONFIG_FROM_FILE] = "file",
	[CONFIG_FROM_ENV] = "environment",
	[CONFIG_FROM_FLAG] = "flag",
};

void
config_write_settings(const struct config *c, struct buf *out)
{
	for (int i = 0; i < CONFIG_OPTIONS; i++) {
		const struct option *o = &options[i];
		const char *source = sources[c->source[i]];
		if (value_is_secret(o->type)) {
			bool set = value_is_set(o->type, option_value(c, i));
			buf_addf(out, "# %s: %s (%s)\n", o->name,
			    set ? "set, not shown" : "not set", source);
			continue;
		}
		if (c->source[i] != CONFIG_FROM_DEFAULT)
			buf_addf(out, "# from the %s\n", source);
		size_t start = out->len;
		buf_addf(out, "%s = ", o->name);
		value_write(o->type, option_value(c, i), out);
		/* An empty value leaves no blank behind the sign. */
		if (!out->failed && out->data[out->len - 1] == ' ' && out->len > start)
			out->len--;
		buf_addc(out, '\n');
	}
}
