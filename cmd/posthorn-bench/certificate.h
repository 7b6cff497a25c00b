/* A self-signed certificate with its key in one PEM file, which the server under test is told to
 * trust (a key in a bundle of certificates is passed over). */
#pragma once

#include "base/err.h"

/* Makes the file, readable by its owner alone, unless something is in it already. The certificate
 * is for localhost, 127.0.0.1, ::1 and 127.0.1.1 to 127.0.1.addresses, and lasts a year. */
int certificate_make(const char *path, int addresses, struct err *e) MUST_CHECK;
