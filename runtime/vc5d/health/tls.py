"""TLS as health checks want it, and why it failed, in words."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def unverified() -> ssl.SSLContext:
    """VC5's way and the default: the certificate names a host, not this address, and whether it has expired
    is the clients' concern. The question is only whether the server answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def verified() -> ssl.SSLContext:
    """By the host's certificate authorities, as they are when this is first asked for: it takes 20 ms."""
    return ssl.create_default_context()


def server_name(host: str) -> str | None:
    """The name in a Host header, without its port; None: the address that is connected to."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).strip("[]") or None


def in_words(failure: Exception) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return (failure.verify_message or "the certificate cannot be verified").rstrip(".")
    if isinstance(failure, ssl.SSLError) and failure.reason:
        return f"TLS handshake failed: {failure.reason.lower().replace('_', ' ')}"
    return "TLS handshake failed"
