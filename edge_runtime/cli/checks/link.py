"""The broker, certificates and keys."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from edge_runtime.cli.checks.finding import Finding
from edge_runtime.cli.escalate import broker_settings
from edge_runtime.errors import EdgeError
from edge_runtime.settings import Settings

_OTHERS = 0o077
_SOON_DAYS = 21
_CERTIFICATES = ("mqtt_ca_file", "mqtt_cert_file", "http_cert_file")
_SECRETS = (
    "mqtt_key_file", "http_cert_key_file", "mqtt_password_file", "http_key_file", "llm_key_file",
)  # fmt: skip
_PAIRS = (("mqtt_cert_file", "mqtt_key_file"), ("http_cert_file", "http_cert_key_file"))


def check_broker(settings: Settings) -> Finding:
    """Connect as the node would, and leave again."""
    if settings.broker is None:
        return Finding("broker", True, "none configured; set EDGE_BROKER to serve over MQTT")
    from edge_runtime.bridge.cloud.remote import check_broker as connect

    try:
        connect(broker_settings(settings, settings.broker))
    except EdgeError as exc:
        return Finding("broker", False, str(exc))
    return Finding("broker", True, f"{settings.broker} accepts this node")


def check_certificates(settings: Settings, now: datetime | None = None) -> list[Finding]:
    """Look at every certificate, key and password file that the settings name, worst first."""
    today = now or datetime.now(UTC)
    found = [
        *(_certificate(key, path, today) for key, path in _named(settings, _CERTIFICATES)),
        *(_secret(key, path) for key, path in _named(settings, _SECRETS)),
        *_pairs(settings),
    ]  # fmt: skip
    return sorted(found, key=lambda each: (each.ok, not each.advice)) or [
        Finding("certificates", True, "none configured")
    ]


def _certificate(key: str, path: Path, now: datetime) -> Finding:
    from edge_devices.certificate import CertificateError, valid_until

    try:
        until = valid_until(path.read_text(encoding="ascii", errors="replace"))
    except (OSError, CertificateError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        return Finding(key, False, f"{path}: {reason}", "give a certificate in PEM form")
    days = (until - now).days
    fact = f"{path} is valid until {until:%Y-%m-%d}"
    if until <= now:
        return Finding(
            key, False, f"{path} ended on {until:%Y-%m-%d}", "renew it, and look at the clock"
        )
    if days < _SOON_DAYS:
        return Finding(key, True, f"{fact}, {days} days", "renew it")
    return Finding(key, True, fact)


def _secret(key: str, path: Path) -> Finding:
    try:
        mode = path.stat().st_mode
    except OSError as exc:
        return Finding(key, False, f"{path}: {exc.strerror}", f"correct {key} in edge.toml")
    if mode & _OTHERS:
        return Finding(key, False, f"others can read {path}", f"chmod 600 {path}")
    return Finding(key, True, f"{path}, mode {mode & 0o777:04o}")


def _pairs(settings: Settings) -> Iterator[Finding]:
    for certificate, key in _PAIRS:
        named = dict(_named(settings, (certificate, key)))
        if len(named) < len((certificate, key)):
            continue
        try:
            # without a password it would ask for one
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
                named[certificate], named[key], password=""
            )
        except ssl.SSLError as exc:
            fact = f"{named[key]} is not the key of {named[certificate]} ({exc.reason or exc})"
            yield Finding(key, False, fact, "give the key that the certificate was made with")
        except OSError:
            continue  # the files have their own findings


def _named(settings: Settings, keys: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for key in keys:
        value: str | None = getattr(settings, key)
        if value is not None:
            yield key, Path(value).expanduser()
