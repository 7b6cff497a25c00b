/* Addresses of a name, judged one by one and then by family. */
#include "http/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
verdict_init(struct verdict *v)
{
	*v = (struct verdict){ 0 };
}

void
verdict_done(struct verdict *v)
{
	for (int i = 0; i < VERDICT_FAMILIES; i++)
		free(v->family[i].address);
	verdict_init(v);
}

void
verdict_add(struct verdict *v, const struct address_policy *p, const struct sockaddr *sa)
{
	bool v4 = sa->sa_family == AF_INET;
	struct verdict_family *f = &v->family[v4 ? VERDICT_IPV4 : VERDICT_IPV6];
	if (!address_allowed(p, sa)) {
		f->refused = true;
		return;
	}
	if (f->n == RESOLVER_ADDRESSES_MAX)
		return;
	if (!f->address)
		f->address = mem_zalloc(RESOLVER_ADDRESSES_MAX * sizeof(*f->address));
	struct sockaddr_storage *to = &f->address[f->n++];
	memcpy(to, sa, v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	if (v4)
		((struct sockaddr_in *)to)->sin_port = 0;
	else
		((struct sockaddr_in6 *)to)->sin6_port = 0;
}

void
verdict_give(const struct verdict *v, const char *why_not, struct resolver_answer *ret)
{
	bool refused = false;
	ret->n = 0;
	for (int i = 0; i < VERDICT_FAMILIES; i++) {
		const struct verdict_family *f = &v->family[i];
		refused |= f->refused;
		for (int j = 0; !f->refused && j < f->n && ret->n < RESOLVER_ADDRESSES_MAX; j++)
			ret->address[ret->n++] = f->address[j];
	}
	ret->result = ret->n ? RESOLVED_OK : refused ? RESOLVED_BLOCKED : RESOLVED_FAILED;
	const char *detail = ret->n ? "" : refused ? "address not allowed" : why_not;
	snprintf(ret->detail, sizeof(ret->detail), "%s", detail);
}
