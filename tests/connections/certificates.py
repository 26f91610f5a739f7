"""A certificate for programs that begin TLS."""

from __future__ import annotations

from typing import Any


def contexts() -> Any:
    """Give the settings of a server and of a client that believes it, or None where there is no OpenSSL."""
    try:
        from OpenSSL import crypto
        from twisted.internet.ssl import CertificateOptions
    except ImportError:
        return None
    from cryptography.hazmat.primitives.asymmetric import ec

    key = crypto.PKey.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()))
    certificate = crypto.X509()
    certificate.set_serial_number(1)
    certificate.gmtime_adj_notBefore(-3600)
    certificate.gmtime_adj_notAfter(3600 * 24)
    certificate.get_subject().CN = "localhost"
    certificate.set_issuer(certificate.get_subject())
    certificate.set_pubkey(key)
    certificate.sign(key, "sha256")
    return CertificateOptions(privateKey=key, certificate=certificate), CertificateOptions()
