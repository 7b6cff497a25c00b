"""Certificates of every kind, good and bad, below one root."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs others. signer: None for a root."""

    def __init__(self, name, signer=None):
        self.name, self._signer = name, signer or self
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signer._sign(self.name, self._key, is_authority=True)

    def _sign(self, name, key, host=None, is_authority=False, begins=-1, ends=1):
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateBuilder()
            .subject_name(common_name(name)).issuer_name(common_name(self.name))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * DAY).not_valid_after(now + ends * DAY)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True))
        if host:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, path, host, chain=(), **validity):
        """A file with a key, the host's certificate and what else is shown with it."""
        key = ec.generate_private_key(ec.SECP256R1())
        shown = [self._sign(host, key, host=host, **validity), *chain]
        path.write_bytes(key_text(key) + b"".join(map(certificate_text, shown)))
        return path


def self_signed(path, host):
    """Signs itself, and is an authority for nobody."""
    return Authority.issue(Authority(host), path, host)


def common_name(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def certificate_text(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_text(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())
