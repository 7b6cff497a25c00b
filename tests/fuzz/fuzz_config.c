/* The configuration file, and every option's value: whatever is accepted is written back as a text
 * that is accepted and means the same; whatever is refused has one printable line to say why. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "config/config.h"
#include "config/option.h"
#include "config/value.h"

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_error(const struct err *e)
{
	CHECK(e->kind == ERR_CONFIG);
	size_t n = strnlen(e->text, sizeof(e->text));
	CHECK(n > 0 && n < sizeof(e->text));
	for (size_t i = 0; i < n; i++)
		CHECK(e->text[i] != '\n' && e->text[i] != '\x1b');
}

static void
try_value(int i, struct str text)
{
	union value v, again;
	struct err e;
	if (value_parse(options[i].type, text, options[i].range, &v, &e) < 0) {
		check_error(&e);
		return;
	}
	if (value_is_secret(options[i].type))
		return;
	struct buf first, second;
	buf_init(&first, 1 << 16);
	buf_init(&second, 1 << 16);
	value_write(options[i].type, &v, &first);
	CHECK(!first.failed);
	struct str written = { first.data, first.len };
	CHECK(value_parse(options[i].type, written, options[i].range, &again, &e) == 0);
	value_write(options[i].type, &again, &second);
	CHECK(str_eq(written, (struct str){ second.data, second.len }));
	buf_free(&first);
	buf_free(&second);
}

static void
try_file(struct str text)
{
	struct config c, again;
	struct err e;
	config_init(&c);
	config_init(&again);
	if (config_read_text(&c, "f", text, &e) < 0) {
		check_error(&e);
		return;
	}
	struct buf out;
	buf_init(&out, 1 << 17);
	config_write_settings(&c, &out);
	CHECK(!out.failed);
	CHECK(config_read_text(&again, "f", (struct str){ out.data, out.len }, &e) == 0);
	for (int i = 0; i < CONFIG_OPTIONS; i++)
		CHECK(value_is_secret(options[i].type) || again.source[i] == CONFIG_FROM_FILE);
	buf_free(&out);
}

/* The first byte chooses: a file, or the option whose value the rest is. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	/* An exact copy, so that a read behind the end is seen. */
	char *copy = mem_dup(data + 1, size - 1);
	struct str text = { copy, size - 1 };
	int choice = isgraph(data[0]) ? data[0] - '!' : CONFIG_OPTIONS;
	if (choice < CONFIG_OPTIONS)
		try_value(choice, text);
	else
		try_file(text);
	free(copy);
	return 0;
}
