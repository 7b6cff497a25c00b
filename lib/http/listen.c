/* Listening sockets.
 *
 * SO_REUSEADDR lets a restarted server bind while old connections are in TIME_WAIT. SO_REUSEPORT is
 * not used: it would let a second program take half the connections silently; workers share one
 * socket instead. TCP_NODELAY is inherited by accepted sockets on Linux, which saves a call each.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"

#define LISTEN_BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

/* "host:port" or "[host]:port" into two texts. */
static int
split_host_port(const char *text, char host[256], char port[6], struct err *e)
{
	const char *colon = strrchr(text, ':');
	struct str name = { text, colon ? (size_t)(colon - text) : 0 };
	if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = (struct str){ name.p + 1, name.n - 2 };
	else if (memchr(name.p, ':', name.n))
		return err_set(
		    e, ERR_CONFIG, "listen address %s: an IPv6 address needs brackets", text);
	int64_t number;
	if (name.n == 0 || name.n > 255 || str_to_i64(str_of(colon + 1), 0, 65535, &number))
		return err_set(
		    e, ERR_CONFIG, "listen address %s is not of the form host:port", text);
	memcpy(host, name.p, name.n);
	host[name.n] = '\0';
	snprintf(port, 6, "%u", (unsigned)number & 0xffff);
	return 0;
}

/* A bound, listening socket, or -1 with errno. */
static int
try_address(const struct addrinfo *a)
{
	int on = 1;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	    bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
port_of(int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	if (getsockname(fd, (struct sockaddr *)&a, &n))
		return 0;
	/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): getsockname has filled it */
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
					     : ((struct sockaddr_in *)&a)->sin_port);
}

int
http_listen(const char *host_port, int *ret_fd, int *ret_port, struct err *e)
{
	char host[256], port[6];
	if (split_host_port(host_port, host, port, e))
		return -1;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int failure = getaddrinfo(host, port, &hints, &list);
	if (failure)
		return err_set(
		    e, ERR_IO, "listen address %s: %s", host_port, gai_strerror(failure));
	int fd = -1;
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = try_address(a);
	int saved = errno;
	freeaddrinfo(list);
	errno = saved;
	if (fd < 0 && errno == EADDRINUSE) {
		err_errno(e, ERR_IO, "listen"); /* for the origin */
		snprintf(
		    e->text, sizeof(e->text), "address %s is in use by another program", host_port);
		return -1;
	}
	if (fd < 0)
		return err_errno(e, ERR_IO, "cannot listen on %s", host_port);
	*ret_fd = fd;
	*ret_port = port_of(fd);
	return 0;
}
