/* X.509 by OpenSSL. Keys are P-256: what most receivers have, and cheap to sign with. */
#include "certificate.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define NAMES_MAX 8192
#define LIFETIME  (365L * 86400) /* seconds */
#define CLOCK_OFF 3600L          /* by which the server's clock may be behind */

static int
add_names(X509 *cert, int addresses)
{
	struct buf names;
	buf_init(&names, NAMES_MAX);
	buf_adds(&names, "DNS:localhost,IP:127.0.0.1,IP:::1");
	for (int i = 1; i <= addresses; i++)
		buf_addf(&names, ",IP:127.0.1.%d", i);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names.data);
	buf_free(&names);
	int added = san && X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	return added ? 0 : -1;
}

/* NULL when OpenSSL cannot. */
static X509 *
self_signed(EVP_PKEY *key, int addresses)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -CLOCK_OFF);
	X509_gmtime_adj(X509_getm_notAfter(cert), LIFETIME);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)"posthorn-bench receiver", -1, -1, 0);
	X509_set_issuer_name(cert, subject);
	X509_set_pubkey(cert, key);
	if (add_names(cert, addresses) == 0 && X509_sign(cert, key, EVP_sha256()))
		return cert;
	X509_free(cert);
	return NULL;
}

static int
write_both(FILE *f, int addresses)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key ? self_signed(key, addresses) : NULL;
	bool written = cert && PEM_write_X509(f, cert) &&
		       PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) && fflush(f) == 0;
	X509_free(cert);
	EVP_PKEY_free(key);
	return written ? 0 : -1;
}

int
certificate_make(const char *path, int addresses, struct err *e)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st))
		return err_errno(e, ERR_IO, "cannot write %s", path);
	if (st.st_size > 0) {
		close(fd);
		return 0;
	}
	FILE *f = fdopen(fd, "w");
	int rc = f ? write_both(f, addresses) : -1;
	if (f)
		fclose(f);
	return rc ? err_set(e, ERR_IO, "cannot make a certificate in %s", path) : 0;
}
