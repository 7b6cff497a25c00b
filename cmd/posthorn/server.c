/* The server's URL and the bearer token. The token lives in one allocation that is wiped at the
 * end; nothing prints it, and no error quotes what was given in its place. */
#include "server.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#include "input.h"

#define URL_DEFAULT "http://127.0.0.1:8071"

/* A part of a URL, copied into the arena; NULL when it is absent. */
static const char *
url_part(CURLU *u, CURLUPart part, struct arena *arena)
{
	char *text = NULL;
	if (curl_url_get(u, part, &text, 0) != CURLUE_OK)
		return NULL;
	const char *copy = arena_strdup(arena, text);
	curl_free(text);
	return copy;
}

/* "127.evil.example" begins like an address and is a name: only digits and dots are an address. */
static bool
host_is_local(const char *host)
{
	if (!host)
		return false;
	if (strncmp(host, "127.", 4) == 0)
		return host[strspn(host, "0123456789.")] == '\0';
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static int
url_check(struct server *s, CURLU *u, struct arena *arena, struct err *e)
{
	const char *scheme = url_part(u, CURLUPART_SCHEME, arena);
	const char *host = url_part(u, CURLUPART_HOST, arena);
	const char *path = url_part(u, CURLUPART_PATH, arena);

	if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		return err_set(
		    e, ERR_USAGE, "the server's URL must begin with http:// or https://");
	if (url_part(u, CURLUPART_USER, arena) || url_part(u, CURLUPART_PASSWORD, arena))
		return err_set(e, ERR_USAGE,
		    "the server's URL holds a user or a password; give a token instead");
	if (url_part(u, CURLUPART_QUERY, arena) || url_part(u, CURLUPART_FRAGMENT, arena))
		return err_set(e, ERR_USAGE, "the server's URL must end with its host or path");
	size_t n = path ? strlen(path) : 0;
	while (n && path[n - 1] == '/')
		n--;
	const char *port = url_part(u, CURLUPART_PORT, arena);
	s->local = host_is_local(host);
	s->url = arena_printf(arena, "%s://%s%s%s%.*s", scheme, host, port ? ":" : "",
	    port ? port : "", (int)n, path ? path : "");
	return 0;
}

int
server_from_args(struct server *ret, const struct args *a, struct arena *arena, struct err *e)
{
	*ret = (struct server){ 0 };
	const char *text = args_text(a, FLAG_URL);
	if (!text)
		text = getenv("POSTHORN_URL");
	if (!text || !*text)
		text = URL_DEFAULT;
	if (strlen(text) > SERVER_URL_MAX)
		return err_set(
		    e, ERR_USAGE, "the server's URL is longer than %d bytes", SERVER_URL_MAX);
	CURLU *u = curl_url();
	int rc = -1;
	if (!u || curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		err_set(e, ERR_USAGE,
		    "the server's URL is not one; it looks like http://127.0.0.1:8071");
	else
		rc = url_check(ret, u, arena, e);
	curl_url_cleanup(u);
	return rc;
}

/* A token is visible ASCII: anything else would break the header it travels in. */
static int
token_take(struct server *s, struct str text, const char *from, struct err *e)
{
	while (text.n && strchr(" \t\r\n", text.p[text.n - 1]))
		text.n--;
	text = str_trim(text);
	if (text.n == 0 || text.n > TOKEN_MAX)
		return err_set(e, ERR_USAGE, "%s holds no token", from);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~')
			return err_set(e, ERR_USAGE, "%s holds something else than a token", from);
	s->token = mem_strndup(text.p, text.n);
	return 0;
}

static int
token_from_file(struct server *s, const char *path, struct err *e)
{
	struct buf b;
	buf_init(&b, TOKEN_MAX + 2);
	int rc = input_file(path, &b, e);
	if (rc == 0)
		rc = token_take(s, (struct str){ b.data, b.len }, path, e);
	explicit_bzero(b.data, b.len);
	buf_free(&b);
	return rc;
}

/* Where posthornd --dev writes its token: below XDG_STATE_HOME when that is set, else in the user's
 * state directory, else root's. The first that can be read counts. */
static int
token_from_dev(struct server *s, struct err *e)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char path[2][4096] = { "", "" };
	if (state && *state == '/') {
		snprintf(path[0], sizeof(path[0]), "%s/posthorn/token", state);
	} else {
		if (home && *home == '/')
			snprintf(path[0], sizeof(path[0]), "%s/.local/state/posthorn/token", home);
		snprintf(path[1], sizeof(path[1]), "/var/lib/posthorn/token");
	}
	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		FILE *f = path[i][0] ? fopen(path[i], "re") : NULL;
		if (!f)
			continue;
		fclose(f);
		return token_from_file(s, path[i], e);
	}
	return 0;
}

int
server_token(struct server *s, const struct args *a, struct err *e)
{
	const char *text = args_text(a, FLAG_TOKEN), *file = args_text(a, FLAG_TOKEN_FILE);
	const char *env = getenv("POSTHORN_TOKEN");
	if (text)
		return token_take(s, str_of(text), "--token", e);
	if (file)
		return token_from_file(s, file, e);
	if (env && *env)
		return token_take(s, str_of(env), "POSTHORN_TOKEN", e);
	return s->local ? token_from_dev(s, e) : 0;
}

void
server_done(struct server *s)
{
	if (s->token) {
		explicit_bzero(s->token, strlen(s->token));
		free(s->token);
	}
	s->token = NULL;
}
