/* Build-time tool: turns files into C.
 *
 *     embed statements NAME out.c out.h file.sql …   struct pg_stmt stmt_<file> for each file
 *     embed migrations NAME out.c out.h file.sql …   struct migration NAME[] in the given order
 *     embed texts NAME out.c out.h file …            struct text NAME[] in the given order
 *
 * A statement's number of parameters is the highest $n in its text outside comments and literals.
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

static void
write_statements(FILE *c, FILE *h, const char *name, char **files, int n)
{
	fprintf(h, "/* Made by embed from the .sql files; do not edit. */\n#pragma once\n\n"
		   "#include \"pg/pg.h\"\n\n");
	for (int i = 0; i < n; i++) {
		char *sql = slurp(files[i]), *s = stem(files[i]);
		fprintf(c, "const struct pg_stmt stmt_%s = { \"%s\", ", s, s);
		write_literal(c, sql);
		fprintf(c, ", %d };\n", count_params(sql));
		fprintf(h, "extern const struct pg_stmt stmt_%s;\n", s);
		free(sql);
		free(s);
	}
	fprintf(c, "const struct pg_stmt *const %s[] = {\n", name);
	for (int i = 0; i < n; i++) {
		char *s = stem(files[i]);
		fprintf(c, "\t&stmt_%s,\n", s);
		free(s);
	}
	fprintf(c, "};\nconst int %s_count = %d;\n", name, n);
	fprintf(h, "\nextern const struct pg_stmt *const %s[];\nextern const int %s_count;\n", name,
	    name);
}

static void
write_migrations(FILE *c, FILE *h, const char *name, char **files, int n)
{
	fprintf(h, "/* Made by embed from the .sql files; do not edit. */\n#pragma once\n\n"
		   "#include \"pg/migrate.h\"\n\n");
	fprintf(c, "const struct migration %s[] = {\n", name);
	for (int i = 0; i < n; i++) {
		char *sql = slurp(files[i]), *s = stem(files[i]);
		fprintf(c, "\t{ \"%s\", ", s);
		write_literal(c, sql);
		fprintf(c, " },\n");
		free(sql);
		free(s);
	}
	fprintf(c, "};\nconst int %s_count = %d;\n", name, n);
	fprintf(h, "extern const struct migration %s[];\nextern const int %s_count;\n", name, name);
}

static void
write_texts(FILE *c, FILE *h, const char *name, char **files, int n)
{
	fprintf(h, "/* Made by embed; do not edit. */\n#pragma once\n\n"
		   "#include \"base/text.h\"\n\n");
	fprintf(c, "const struct text %s[] = {\n", name);
	for (int i = 0; i < n; i++) {
		char *text = slurp(files[i]), *s = stem(files[i]);
		fprintf(c, "\t{ \"%s\", ", s);
		write_literal(c, text);
		fprintf(c, " },\n");
		free(text);
		free(s);
	}
	fprintf(c, "};\nconst int %s_count = %d;\n", name, n);
	fprintf(h, "extern const struct text %s[];\nextern const int %s_count;\n", name, name);
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
