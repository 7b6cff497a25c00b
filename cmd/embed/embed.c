/* Build-time tool: turns files into C.
 *
 *     embed statements NAME out.c out.h file.sql …   struct pg_stmt stmt_<file> for each file
 *     embed migrations NAME out.c out.h file.sql …   struct migration NAME[] in the given order
 *     embed texts NAME out.c out.h file …            struct text NAME[] in the given order
 *
 * A statement's number of parameters is the highest $n in its text outside comments and literals.
 *
 * A .sql file with alternatives, {this|that}, is two statements, stmt_<file>_down with the first of
 * each and stmt_<file>_up with the second: so {<|>} and {desc|asc} make a list's two orders.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
die(const char *what, const char *name)
{
	fprintf(stderr, "embed: %s: %s: %s\n", what, name, strerror(errno));
	exit(1);
}

static char *
slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	if (!f)
		die("cannot read", path);
	size_t cap = 1 << 20;
	char *text = malloc(cap);
	if (!text)
		die("no memory for", path);
	size_t n = fread(text, 1, cap - 1, f);
	if (ferror(f) || !feof(f))
		die("cannot read whole", path);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* File name without folder and what stands behind the last dot. */
static char *
stem(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *s = strdup(slash ? slash + 1 : path);
	if (!s)
		die("no memory for", path);
	char *dot = strrchr(s, '.');
	if (dot)
		*dot = '\0';
	return s;
}

/* Skips a comment or quoted literal that starts at p; returns p when there is none. */
static const char *
skip_quoted(const char *p)
{
	if (p[0] == '-' && p[1] == '-')
		return p + strcspn(p, "\n");
	if (*p == '\'') {
		const char *end = strchr(p + 1, '\'');
		return end ? end + 1 : p + strlen(p);
	}
	return p;
}

static int
count_params(const char *sql)
{
	int highest = 0;
	for (const char *p = sql; *p;) {
		const char *next = skip_quoted(p);
		if (next != p) {
			p = next;
			continue;
		}
		if (*p == '$' && isdigit((unsigned char)p[1])) {
			int n = (int)strtol(p + 1, NULL, 10);
			if (n > highest)
				highest = n;
		}
		p++;
	}
	return highest;
}

static void
write_literal(FILE *out, const char *text)
{
	fputs("\n\t\"", out);
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			fputs(p[1] ? "\\n\"\n\t\"" : "\\n", out);
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p == '\t')
			fputs("\\t", out);
		else
			fputc(*p, out);
	}
	fputc('"', out);
}

/* ---- alternatives ---- */

/* The next {this|that} at or behind p: its length, braces included, and where the bar is. NULL when
 * there is none. */
static const char *
find_alternative(const char *p, size_t *ret_n, const char **ret_bar)
{
	for (; (p = strchr(p, '{')); p++) {
		size_t n = strcspn(p + 1, "{|}\n");
		if (p[1 + n] != '|')
			continue;
		*ret_bar = p + 1 + n;
		n += 1 + strcspn(*ret_bar + 1, "{|}\n");
		if (p[1 + n] != '}')
			continue;
		*ret_n = n + 2;
		return p;
	}
	return NULL;
}

/* The text with the first of each alternative, or the second. It is never longer. */
static char *
choose(const char *text, int second)
{
	const char *bar, *at;
	size_t n;
	char *chosen = malloc(strlen(text) + 1), *to = chosen;
	if (!chosen)
		die("no memory for", "a statement");
	for (; (at = find_alternative(text, &n, &bar)); text = at + n) {
		const char *from = second ? bar + 1 : at + 1;
		size_t width = second ? (size_t)(at + n - 1 - from) : (size_t)(bar - from);
		memcpy(to, text, (size_t)(at - text));
		to += at - text;
		memcpy(to, from, width);
		to += width;
	}
	memcpy(to, text, strlen(text) + 1);
	return chosen;
}

/* ---- what is written ---- */

static void
write_statement(FILE *c, FILE *h, const char *name, const char *way, const char *sql)
{
	fprintf(c, "const struct pg_stmt stmt_%s%s = { \"%s%s\", ", name, way, name, way);
	write_literal(c, sql);
	fprintf(c, ", %d };\n", count_params(sql));
	fprintf(h, "extern const struct pg_stmt stmt_%s%s;\n", name, way);
}

static void
write_statements(FILE *c, FILE *h, const char *name, char **files, int n)
{
	static const char *const ways[] = { "_down", "_up" };
	char *list = NULL;
	size_t list_n = 0;
	FILE *all = open_memstream(&list, &list_n);
	if (!all)
		die("no memory for", name);
	fprintf(h, "/* Made by embed from the .sql files; do not edit. */\n#pragma once\n\n"
		   "#include \"pg/pg.h\"\n\n");
	int count = 0;
	for (int i = 0; i < n; i++) {
		char *sql = slurp(files[i]), *s = stem(files[i]);
		size_t length;
		const char *bar;
		int two = find_alternative(sql, &length, &bar) != NULL;
		for (int way = 0; way <= two; way++, count++) {
			char *chosen = choose(sql, way);
			write_statement(c, h, s, two ? ways[way] : "", chosen);
			fprintf(all, "\t&stmt_%s%s,\n", s, two ? ways[way] : "");
			free(chosen);
		}
		free(sql);
		free(s);
	}
	if (fclose(all))
		die("no memory for", name);
	fprintf(c, "const struct pg_stmt *const %s[] = {\n%s};\nconst int %s_count = %d;\n", name,
	    list, name, count);
	fprintf(h, "\nextern const struct pg_stmt *const %s[];\nextern const int %s_count;\n", name,
	    name);
	free(list);
}

/* An array of names and texts, one of each file. */
static void
write_array(FILE *c, FILE *h, const char *type, const char *name, char **files, int n)
{
	fprintf(c, "const struct %s %s[] = {\n", type, name);
	for (int i = 0; i < n; i++) {
		char *text = slurp(files[i]), *s = stem(files[i]);
		fprintf(c, "\t{ \"%s\", ", s);
		write_literal(c, text);
		fprintf(c, " },\n");
		free(text);
		free(s);
	}
	fprintf(c, "};\nconst int %s_count = %d;\n", name, n);
	fprintf(h, "extern const struct %s %s[];\nextern const int %s_count;\n", type, name, name);
}

static void
write_migrations(FILE *c, FILE *h, const char *name, char **files, int n)
{
	fprintf(h, "/* Made by embed from the .sql files; do not edit. */\n#pragma once\n\n"
		   "#include \"pg/migrate.h\"\n\n");
	write_array(c, h, "migration", name, files, n);
}

static void
write_texts(FILE *c, FILE *h, const char *name, char **files, int n)
{
	fprintf(h, "/* Made by embed; do not edit. */\n#pragma once\n\n"
		   "#include \"base/text.h\"\n\n");
	write_array(c, h, "text", name, files, n);
}

static const struct mode {
	const char *name;
	void (*write)(FILE *c, FILE *h, const char *name, char **files, int n);
} modes[] = {
	{ "statements", write_statements },
	{ "migrations", write_migrations },
	{ "texts", write_texts },
};

/* NULL when there is none of that name. */
static const struct mode *
find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	return NULL;
}

int
main(int argc, char **argv)
{
	const struct mode *mode = argc < 6 ? NULL : find_mode(argv[1]);
	if (!mode) {
		fprintf(
		    stderr, "usage: embed statements|migrations|texts NAME out.c out.h file …\n");
		return 64;
	}
	FILE *c = fopen(argv[3], "w");
	FILE *h = c ? fopen(argv[4], "w") : NULL;
	if (!c || !h)
		die("cannot write", c ? argv[4] : argv[3]);
	const char *slash = strrchr(argv[4], '/');
	fprintf(c, "/* Made by embed; do not edit. */\n#include \"%s\"\n\n",
	    slash ? slash + 1 : argv[4]);
	mode->write(c, h, argv[2], argv + 5, argc - 5);
	return fclose(c) || fclose(h) ? 1 : 0;
}
