/* posthorn config: the options of posthornd, as documents. Both committed files are made here. */
#include <stdio.h>

#include "base/buf.h"

#include "command.h"
#include "config/config.h"

#define DOCUMENT_MAX (1 << 20) /* bytes; the table has a few dozen rows */

static int
run_config(struct session *s UNUSED, const struct args *a, struct err *e)
{
	struct buf out;
	if (args_has(a, FLAG_REFERENCE) && args_has(a, FLAG_EXAMPLE))
		return err_set(e, ERR_USAGE, "--reference and --example exclude each other");
	buf_init(&out, DOCUMENT_MAX);
	if (args_has(a, FLAG_REFERENCE))
		config_write_reference(&out);
	else if (args_has(a, FLAG_EXAMPLE))
		config_write_example(&out);
	else
		config_write_help(&out);
	fwrite(out.data, 1, out.len, stdout);
	buf_free(&out);
	return 0;
}

static const struct command commands[] = {
	{ .summary = "show the options of posthornd; a file or a page with all of them",
	    .example = "posthorn config --example >posthorn.conf",
	    .flags = FLAG_BIT(REFERENCE) | FLAG_BIT(EXAMPLE),
	    .token = TOKEN_OFFLINE,
	    .run = run_config },
	{ 0 },
};

const struct family family_config = {
	.name = "config",
	.summary = "options of posthornd",
	.commands = commands,
};
