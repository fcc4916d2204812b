"""Why a broker and a client do not trust each other, in words that say what to do; pure.

Codes of a failed check are X509_V_ERR_… of OpenSSL, reasons those of its alerts.
"""

from __future__ import annotations

import ssl

_CHECKS = {
    9: "the broker's certificate is not valid yet; is the clock of this machine right?",
    10: "the broker's certificate has expired; renew it, or set the clock of this machine",
    18: "the broker's certificate is signed by itself; name it as mqtt_ca_file",
    19: "the broker's certificate is not of a known authority; name its CA as mqtt_ca_file",
    20: "the broker's certificate is not of a known authority; name its CA as mqtt_ca_file",
    23: "the broker's certificate has been revoked",
    62: "the broker's certificate is for another host name; use one that it is for",
    64: "the broker's certificate is for another address; use a host name that it is for",
}
_ALERTS = {
    "CERTIFICATE_REQUIRED": "the broker wants a certificate; set mqtt_cert_file and mqtt_key_file",
    # TLS 1.2 has no name for it
    "HANDSHAKE_FAILURE": "the broker wants a certificate, or another version of TLS",
    "CERTIFICATE_EXPIRED": "this client's certificate has expired; have it renewed",
    "CERTIFICATE_REVOKED": "this client's certificate has been revoked; get a new one",
    "UNKNOWN_CA": "this client's certificate is not of the authority that the broker knows",
    "BAD_CERTIFICATE": "the broker does not take this client's certificate",
    "UNSUPPORTED_CERTIFICATE": "this client's certificate is not one for clients; get another",
    "CERTIFICATE_UNKNOWN": "the broker does not take this client's certificate",
    "PROTOCOL_VERSION": "the broker speaks another version of TLS; 1.2 is the oldest here",
    "WRONG_VERSION_NUMBER": "the broker does not speak TLS on this port; use that of TLS, or mqtt:",
}


def why_no_trust(error: OSError) -> str | None:
    """Return what is wrong and what to do next, None if it is not a matter of trust."""
    ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # as a broker that is stopped ends it
    if not isinstance(error, ssl.SSLError) or isinstance(error, ended):
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        said = _CHECKS.get(error.verify_code, "the broker's certificate cannot be trusted")
        return f"{said} ({error.verify_message})"
    reason = error.reason or ""
    said = next((text for alert, text in _ALERTS.items() if reason.endswith(alert)), "")
    return f"{said} ({reason})" if said else f"TLS failed: {reason or error}"
