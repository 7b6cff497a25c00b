/* The directory of --dev: where it is, who has it, and its key and token. */
#include "dev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rand.h"

#include "policy/token.h"
#include "private_file.h"

#define ROOT_DIR         "/var/lib/posthorn"
#define LOOPBACK         "127.0.0.0/8, ::1/128"
#define SECRET_BYTES     32
#define TOKEN_LIFETIME_S (INT64_C(10) * 365 * 86400)

void
dev_defaults(struct config *c)
{
	struct err e;
	c->dev = true;
	if (!config_is_set(c, "allow_addresses"))
		(void)!address_policy_parse(STR(LOOPBACK), &c->allow_addresses, &e);
}

/* ---- the directory -------------------------------------------------------------------- */

/* "cannot write PATH (Permission denied): choose another directory with --dev=DIR" */
static int
cannot(const char *what, const char *path, struct err *e)
{
	return err_set(e, ERR_CONFIG, "cannot %s %s (%s): choose another directory with --dev=DIR",
	    what, path, strerrordesc_np(errno));
}

/* $XDG_STATE_HOME/posthorn; else /var/lib/posthorn for root, ~/.local/state/posthorn for others
 * (XDG Base Directory Specification, which wants relative paths ignored). */
static void
default_dir(char *out, size_t size)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (state && state[0] == '/') {
		snprintf(out, size, "%s/posthorn", state);
		return;
	}
	if (geteuid() == 0) {
		snprintf(out, size, "%s", ROOT_DIR);
		return;
	}
	if (!home || home[0] != '/') {
		const struct passwd *pw = getpwuid(geteuid());
		home = pw ? pw->pw_dir : "/";
	}
	snprintf(out, size, "%s/.local/state/posthorn", home);
}

static int
too_long(const char *path, struct err *e)
{
	return err_set(
	    e, ERR_CONFIG, "--dev=%.60s…: the path is longer than %d bytes", path, DEV_DIR_MAX);
}

/* The text of --dev as an absolute path. */
static int
resolve(const char *arg, char out[DEV_DIR_MAX], struct err *e)
{
	char path[PATH_MAX];
	if (arg[0] == '\0') {
		default_dir(path, sizeof(path));
	} else if (arg[0] == '/') {
		snprintf(path, sizeof(path), "%s", arg);
	} else {
		if (!getcwd(path, sizeof(path)))
			return err_errno(e, ERR_CONFIG, "--dev=%s", arg);
		size_t n = strlen(path);
		snprintf(path + n, sizeof(path) - n, "/%s", arg);
	}
	if (strlen(path) >= DEV_DIR_MAX)
		return too_long(path, e);
	memcpy(out, path, strlen(path) + 1);
	return 0;
}

/* mkdir -p */
static int
make_dirs(char *path, struct err *e)
{
	for (char *p = path + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char c = *p;
		*p = '\0';
		int r = mkdir(path, 0755);
		if (r < 0 && errno != EEXIST)
			return cannot("make", path, e);
		*p = c;
		if (c == '\0')
			return 0;
	}
}

static int
open_dir(struct dev *d, const char *arg, struct err *e)
{
	char path[PATH_MAX];
	if (resolve(arg, d->dir, e) < 0 || make_dirs(d->dir, e) < 0)
		return -1;
	if (!realpath(d->dir, path))
		return err_errno(e, ERR_CONFIG, "--dev=%s", d->dir);
	if (strlen(path) >= DEV_DIR_MAX)
		return too_long(path, e);
	memcpy(d->dir, path, strlen(path) + 1);
	if (access(d->dir, W_OK | X_OK) < 0)
		return cannot("write into", d->dir, e);
	return 0;
}

/* "DIR/name" in out. */
static const char *
below(const struct dev *d, const char *name, char out[DEV_PATH_MAX])
{
	snprintf(out, DEV_PATH_MAX, "%s/%s", d->dir, name);
	return out;
}

/* The lock is the kernel's: it goes with its holder, however that ends. */
static int
lock_dir(struct dev *d, struct err *e)
{
	char path[DEV_PATH_MAX], holder[32] = "";
	d->lock_fd = open(below(d, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (d->lock_fd < 0)
		return cannot("write", path, e);
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = read(d->lock_fd, holder, sizeof(holder) - 1);
		holder[n > 0 ? n : 0] = '\0';
		holder[strspn(holder, "0123456789")] = '\0';
		close(d->lock_fd);
		return err_set(e, ERR_UNAVAILABLE,
		    "another posthornd --dev (process %s) runs in %s; stop it, or choose another directory: --dev=DIR",
		    holder, d->dir);
	}
	if (ftruncate(d->lock_fd, 0) == 0)
		dprintf(d->lock_fd, "%ld\n", (long)getpid());
	return 0;
}

/* ---- key and token
 * ------------------------------------------------------------------------------- */

static int
read_secret(const struct dev *d, struct config *c, struct err *e)
{
	char path[DEV_PATH_MAX], line[PRIVATE_FILE_MAX];
	int r = private_file_read(below(d, "jwt_secret", path), line, e);
	if (r == 0 && secret_set(&c->jwt_secret, line, strlen(line)) < 0)
		r = err_set(e, ERR_CONFIG, "%s holds more than %d bytes", path, SECRET_MAX);
	explicit_bzero(line, sizeof(line));
	return r;
}

static int
make_secret(const struct dev *d, struct err *e)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[SECRET_BYTES];
	char path[DEV_PATH_MAX], line[2 * SECRET_BYTES + 1];
	rand_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		line[2 * i] = digits[bytes[i] >> 4];
		line[2 * i + 1] = digits[bytes[i] & 15];
	}
	line[2 * SECRET_BYTES] = '\0';
	int r = private_file_write(below(d, "jwt_secret", path), line, e);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(line, sizeof(line));
	return r;
}

/* A key that was configured goes before the directory's own. */
static bool
has_key(const struct config *c)
{
	return config_is_set(c, "jwt_secret") || !token_alg_symmetric(c->jwt_algorithm);
}

static int
use_secret(const struct dev *d, struct config *c, struct err *e)
{
	if (has_key(c))
		return 0;
	int r = read_secret(d, c, e);
	if (r < 0 && e->kind == ERR_NOT_FOUND)
		r = make_secret(d, e) < 0 ? -1 : read_secret(d, c, e);
	return r;
}

/* DIR/token, made anew when the key has changed or the token has expired. One that is good no more
 * and cannot be made anew goes. */
static int
make_token(struct dev *d, const struct token_key *key, struct err *e)
{
	char path[DEV_PATH_MAX], line[PRIVATE_FILE_MAX], text[TOKEN_TEXT_MAX];
	struct token token;
	struct err ignored;
	below(d, "token", path);
	d->has_token = true;
	if (private_file_read(path, line, &ignored) == 0 &&
	    token_verify(str_of(line), key, clock_wall(), &token, &ignored) == 0)
		return 0;
	d->has_token = token_key_mints(key);
	if (!d->has_token)
		return unlink(path) < 0 && errno != ENOENT ? cannot("remove", path, e) : 0;
	if (token_mint(DEV_ORG, NULL, NULL, 0, key, clock_wall(), TOKEN_LIFETIME_S, text, e) < 0)
		return -1;
	return private_file_write(path, text, e);
}

static int
use_token(struct dev *d, const struct config *c, struct err *e)
{
	struct token_key *key;
	if (config_token_key(c, &key, e) < 0)
		return -1;
	int r = make_token(d, key, e);
	token_key_free(key);
	return r;
}

int
dev_open(struct dev *d, const char *arg, struct config *c, struct err *e)
{
	*d = (struct dev){ .lock_fd = -1 };
	dev_defaults(c);
	if (c->database_url[0] != '\0')
		return err_set(e, ERR_CONFIG,
		    "--dev runs a PostgreSQL of its own, but database_url is set too (POSTHORN_DATABASE_URL?): "
		    "leave one of them out");
	if (open_dir(d, arg, e) < 0 || lock_dir(d, e) < 0)
		return -1;
	if (use_secret(d, c, e) == 0 && use_token(d, c, e) == 0)
		return 0;
	dev_close(d);
	return -1;
}

void
dev_close(struct dev *d)
{
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	d->lock_fd = -1;
}

int
dev_load_secret(const char *arg, struct config *c, struct err *e)
{
	struct dev d = { .lock_fd = -1 };
	if (has_key(c))
		return 0;
	if (resolve(arg, d.dir, e) < 0)
		return -1;
	if (read_secret(&d, c, e) == 0)
		return 0;
	if (e->kind == ERR_NOT_FOUND)
		err_set(e, ERR_CONFIG, "%s has no key yet: start posthornd --dev=%s once", d.dir,
		    d.dir);
	return -1;
}
