/* Endpoint URLs: parsed once, judged, and kept in canonical form; that form is what is stored,
 * shown and connected to. The check here is for the user's benefit; the binding one is made on the
 * address at connect time (address.h). */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define URL_MAX 2048

struct url_policy {
	bool https_only;
	bool internal_names; /* allow localhost, single labels, *.local and such (development) */
};

struct url {
	/* Canonical: scheme and host in lower case, A-labels, "/" for no path. */
	char text[URL_MAX + 1];
	char host[256]; /* without brackets */
	int port;       /* given or default */
	bool https;
	bool literal; /* the host is an IP address (any spelling; canonical here) */
};

/* Refuses with ERR_INVALID and a reason: other schemes, user information, fragments, control
 * characters, blanks, backslashes, non-ASCII that IDNA refuses, zone ids, empty host, ports 0 and
 * those browsers refuse (WHATWG bad ports) or that name databases and control planes, more than
 * URL_MAX bytes, single-label and internal names unless allowed. IP literals are accepted here in
 * every spelling that libcurl accepts (also percent-encoded and in fullwidth digits) and
 * normalised; whether they may be reached is address_allowed's business. The canonical text is at
 * most URL_MAX bytes, and parses to itself. */
int url_parse(
    struct str text, const struct url_policy *p, struct url *ret, struct err *e) MUST_CHECK;
