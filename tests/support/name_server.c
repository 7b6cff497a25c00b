/* The name server of tests (RFC 1035, section 4). Nothing is compressed; what is too large for a
 * UDP message is cut with TC set and comes whole by TCP. Test code: what cannot happen aborts. */
#include "name_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define HEADER_SIZE 12
#define UDP_MAX     1232
#define TRUNCATED   0x0200
#define TYPE_A      1
#define TYPE_CNAME  5
#define TYPE_AAAA   28

#define NO_ERROR    0
#define SERVFAIL    2
#define NXDOMAIN    3

/* A question by TCP: two bytes of length before it. */
struct stream {
	LIST_ENTRY(stream) entry;
	struct name_server *server;
	int fd;
	struct event *readable;
	struct buf in;
};

struct name_server {
	struct loop *loop;
	int udp, tcp;
	struct event *udp_readable, *tcp_acceptable;
	LIST_HEAD(, stream) streams;
	char address[32];
	const struct name_record *records;
	int nrecords;
	int questions[2]; /* A, AAAA */
};

struct question {
	char name[256];
	int type;
	size_t end; /* offset behind it in the message */
};

/* Reads name and type behind the header. false: not a question. */
static bool
question_read(const unsigned char *m, size_t n, struct question *q)
{
	size_t at = HEADER_SIZE, len = 0;
	while (at < n && m[at]) {
		size_t label = m[at];
		if (label > 63 || at + 1 + label >= n || len + label + 2 > sizeof(q->name))
			return false;
		memcpy(q->name + len, m + at + 1, label);
		len += label;
		q->name[len++] = '.';
		at += 1 + label;
	}
	if (at + 5 > n || len == 0)
		return false;
	q->name[len - 1] = '\0';
	q->type = m[at + 1] << 8 | m[at + 2];
	q->end = at + 5;
	return true;
}

static void
add_u16(struct buf *b, unsigned v)
{
	buf_addc(b, (char)(v >> 8));
	buf_addc(b, (char)v);
}

static void
add_name(struct buf *b, const char *name)
{
	while (*name) {
		size_t label = strcspn(name, ".");
		buf_addc(b, (char)label);
		buf_add(b, name, label);
		name += label + (name[label] == '.');
	}
	buf_addc(b, '\0');
}

static void
add_record(struct buf *b, const struct name_record *r)
{
	unsigned char address[16];
	struct buf data;
	buf_init(&data, 512);
	int type = r->kind == NAME_A ? TYPE_A : r->kind == NAME_AAAA ? TYPE_AAAA : TYPE_CNAME;
	if (type == TYPE_CNAME)
		add_name(&data, r->data);
	else if (inet_pton(type == TYPE_A ? AF_INET : AF_INET6, r->data, address) == 1)
		buf_add(&data, address, type == TYPE_A ? 4 : 16);
	else
		abort();
	add_name(b, r->name);
	add_u16(b, (unsigned)type);
	add_u16(b, 1); /* IN */
	add_u16(b, r->ttl_s >> 16);
	add_u16(b, r->ttl_s & 0xffff);
	add_u16(b, (unsigned)data.len);
	buf_add(b, data.data, data.len);
	buf_free(&data);
}

/* Answers from the table. Returns the response code, or -1 for silence. */
static int
answer(struct name_server *s, const struct question *q, struct buf *out, int *ret_count)
{
	const char *name = q->name;
	bool exists = false;
	for (int i = 0; i < s->nrecords; i++) {
		const struct name_record *r = &s->records[i];
		if (strcasecmp(r->name, name))
			continue;
		exists = true;
		if (r->kind == NAME_SILENT || (r->kind == NAME_SILENT_AAAA && q->type == TYPE_AAAA))
			return -1;
		if (r->kind == NAME_SERVFAIL)
			return SERVFAIL;
		bool fits = (r->kind == NAME_A && q->type == TYPE_A) ||
			    (r->kind == NAME_AAAA && q->type == TYPE_AAAA) || r->kind == NAME_CNAME;
		if (!fits)
			continue;
		add_record(out, r);
		++*ret_count;
		if (r->kind == NAME_CNAME) {
			name = r->data;
			i = -1; /* from the start, with the name it stands for */
			assert(*ret_count < 1000);
		}
	}
	return exists ? NO_ERROR : NXDOMAIN;
}

/* Appends the response; nothing for silence. */
static void
respond(struct name_server *s, const unsigned char *m, size_t n, size_t max, struct buf *out)
{
	struct question q;
	struct buf records;
	int count = 0;
	if (n < HEADER_SIZE || !question_read(m, n, &q))
		return;
	if (q.type == TYPE_A || q.type == TYPE_AAAA)
		s->questions[q.type == TYPE_AAAA]++;
	buf_init(&records, 60000);
	int code = answer(s, &q, &records, &count);
	bool cut = q.end + records.len > max;
	if (code >= 0) {
		buf_add(out, m, 2); /* id */
		add_u16(out, 0x8180 | (unsigned)code | (cut ? TRUNCATED : 0));
		add_u16(out, 1);
		add_u16(out, cut ? 0 : (unsigned)count);
		add_u16(out, 0);
		add_u16(out, 0);
		buf_add(out, m + HEADER_SIZE, q.end - HEADER_SIZE);
		buf_add(out, records.data, cut ? 0 : records.len);
	}
	buf_free(&records);
}

static void
on_question(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct name_server *s = arg;
	unsigned char m[1500];
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n;
	while ((n = recvfrom(fd, m, sizeof(m), MSG_DONTWAIT, (struct sockaddr *)&from, &len)) > 0) {
		struct buf out;
		buf_init(&out, 65000);
		respond(s, m, (size_t)n, UDP_MAX, &out);
		if (out.len)
			sendto(fd, out.data, out.len, 0, (struct sockaddr *)&from, len);
		buf_free(&out);
		len = sizeof(from);
	}
}

static void
stream_free(struct stream *t)
{
	LIST_REMOVE(t, entry);
	event_free(t->readable);
	buf_free(&t->in);
	close(t->fd);
	free(t);
}

static void
on_stream(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct stream *t = arg;
	char bytes[1500];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n <= 0) {
		stream_free(t);
		return;
	}
	buf_add(&t->in, bytes, (size_t)n);
	const unsigned char *m = (const unsigned char *)t->in.data;
	size_t len = t->in.len < 2 ? 0 : (size_t)m[0] << 8 | m[1];
	if (len == 0 || t->in.len < 2 + len)
		return;
	struct buf body, out;
	buf_init(&body, 65000);
	buf_init(&out, 65002);
	respond(t->server, m + 2, len, 65000, &body);
	add_u16(&out, (unsigned)body.len);
	buf_add(&out, body.data, body.len);
	if (body.len && send(fd, out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len)
		abort();
	buf_consume(&t->in, 2 + len);
	buf_free(&body);
	buf_free(&out);
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct name_server *s = arg;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (peer < 0)
		return;
	struct stream *t = mem_zalloc(sizeof(*t));
	t->server = s;
	t->fd = peer;
	buf_init(&t->in, 65000);
	t->readable = event_new(loop_base(s->loop), peer, EV_READ | EV_PERSIST, on_stream, t);
	event_add(t->readable, NULL);
	LIST_INSERT_HEAD(&s->streams, t, entry);
}

/* A socket on the given port of the loopback address; 0: any, which is written back. */
static int
bound_socket(int type, uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t len = sizeof(a);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) ||
	    getsockname(fd, (struct sockaddr *)&a, &len)) {
		perror("name server");
		abort();
	}
	*port = ntohs(a.sin_port);
	return fd;
}

struct name_server *
name_server_new(struct loop *l)
{
	struct name_server *s = mem_zalloc(sizeof(*s));
	uint16_t port = 0;
	s->loop = l;
	LIST_INIT(&s->streams);
	s->tcp = bound_socket(SOCK_STREAM, &port);
	s->udp = bound_socket(SOCK_DGRAM, &port);
	if (listen(s->tcp, 16))
		abort();
	snprintf(s->address, sizeof(s->address), "127.0.0.1:%d", port);
	struct event_base *base = loop_base(l);
	s->udp_readable = event_new(base, s->udp, EV_READ | EV_PERSIST, on_question, s);
	s->tcp_acceptable = event_new(base, s->tcp, EV_READ | EV_PERSIST, on_acceptable, s);
	event_add(s->udp_readable, NULL);
	event_add(s->tcp_acceptable, NULL);
	return s;
}

void
name_server_free(struct name_server *s)
{
	struct stream *t;
	while ((t = LIST_FIRST(&s->streams)))
		stream_free(t);
	event_free(s->udp_readable);
	event_free(s->tcp_acceptable);
	close(s->udp);
	close(s->tcp);
	free(s);
}

const char *
name_server_address(const struct name_server *s)
{
	return s->address;
}

void
name_server_set(struct name_server *s, const struct name_record *records, int n)
{
	s->records = records;
	s->nrecords = n;
}

int
name_server_questions(const struct name_server *s, enum name_kind kind)
{
	return s->questions[kind == NAME_AAAA];
}
