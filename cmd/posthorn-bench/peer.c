/* The URLs of the server, taken apart. TLS is left out on purpose: its cost in this process would
 * be taken for the server's. */
#include "peer.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define PORT_DEFAULT "80"

/* "host", "host:port", "[v6]:port" into two texts. */
static int
split_authority(struct str authority, char host[PEER_TEXT_MAX], char port[6], struct err *e)
{
	struct str name = authority, number = STR(PORT_DEFAULT);
	const char *bracket = memchr(authority.p, ']', authority.n);
	const char *from = bracket ? bracket : authority.p;
	const char *colon = memchr(from, ':', authority.n - (size_t)(from - authority.p));
	if (colon) {
		name.n = (size_t)(colon - authority.p);
		number = (struct str){ colon + 1, authority.n - name.n - 1 };
	}
	if (bracket && name.n > 2) {
		name.p++;
		name.n -= 2;
	}
	int64_t value;
	if (name.n == 0 || name.n >= PEER_TEXT_MAX || str_to_i64(number, 1, 65535, &value))
		return err_set(e, ERR_USAGE, "--url is not of the form http://host:port");
	snprintf(host, PEER_TEXT_MAX, "%.*s", STR_FMT(name));
	snprintf(port, 6, "%d", (int)value & 0xffff);
	return 0;
}

static int
resolve(struct peer_node *n, const char *host, const char *port, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int failure = getaddrinfo(host, port, &hints, &list);
	if (failure)
		return err_set(e, ERR_IO, "server %s: %s", host, gai_strerror(failure));
	memcpy(&n->address, list->ai_addr, list->ai_addrlen);
	n->address_len = list->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

/* One URL: another node of the same server. */
static int
add_node(struct peer *p, struct str url, struct err *e)
{
	const struct str scheme = STR("http://");
	char host[PEER_TEXT_MAX], port[6];
	if (!str_starts(url, scheme))
		return err_set(e, ERR_USAGE, "--url must begin with %s", scheme.p);
	struct str path = { url.p + scheme.n, url.n - scheme.n }, authority;
	const char *slash = memchr(path.p, '/', path.n);
	authority = (struct str){ path.p, slash ? (size_t)(slash - path.p) : path.n };
	path = (struct str){ path.p + authority.n, path.n - authority.n };
	while (path.n && path.p[path.n - 1] == '/')
		path.n--;
	if (authority.n >= PEER_TEXT_MAX || path.n >= PEER_TEXT_MAX)
		return err_set(e, ERR_USAGE, "--url is not of the form http://host:port/path");
	if (p->nnodes == 0) {
		snprintf(p->host, sizeof(p->host), "%.*s", STR_FMT(authority));
		snprintf(p->prefix, sizeof(p->prefix), "%.*s", STR_FMT(path));
	} else if (!str_eq(path, str_of(p->prefix))) {
		return err_set(e, ERR_USAGE, "--url: all nodes must have the same path");
	}
	if (split_authority(authority, host, port, e))
		return -1;
	return resolve(&p->node[p->nnodes++], host, port, e);
}

int
peer_init(struct peer *p, const char *urls, const char *token, struct err *e)
{
	struct str rest = str_of(urls), url;
	*p = (struct peer){ .token = token };
	if (strpbrk(urls, "@?# \r\n"))
		return err_set(e, ERR_USAGE, "--url is not of the form http://host:port/path");
	while (str_split(&rest, ',', &url)) {
		if (p->nnodes == PEER_NODES_MAX)
			return err_set(
			    e, ERR_USAGE, "--url takes at most %d nodes", PEER_NODES_MAX);
		if (add_node(p, url, e))
			return -1;
	}
	return 0;
}
