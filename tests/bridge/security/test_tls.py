"""Every way in which a broker and a client may not trust each other: a clear error, at once."""

from __future__ import annotations

import datetime as dt
import shutil
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from edge_runtime.bridge.access import certificates
from edge_runtime.bridge.access.certificates import Pair
from edge_runtime.bridge.access.directory import write_site
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.sockets import tls_context
from edge_runtime.errors import ConfigError, UnavailableError
from tests.bridge.harness import DEADLINE_S
from tests.bridge.security.site import NOW, Guarded, User

LONG_AGO = NOW - dt.timedelta(days=1000)

# paho leaves it to the garbage collector to close a socket whose handshake failed
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("site"), "mtls", {"pi1": "node"}) as running:
        yield running


def why_refused(at: BrokerSettings) -> str:
    with pytest.raises(UnavailableError) as caught:
        User(at, "pi1").start(DEADLINE_S)
    said = str(caught.value)
    assert at.address in said
    return said


def authority(broker: Guarded) -> Pair:
    directory = broker.directory / "authority"
    return Pair((directory / "ca.pem").read_bytes(), (directory / "ca-key.pem").read_bytes())


def saved(pair: Pair, directory: Path) -> Mapping[str, Path]:
    cert, key = directory / "cert.pem", directory / "key.pem"
    cert.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    key.chmod(0o600)
    return {"cert_file": cert, "key_file": key}


def test_with_the_right_certificate_a_node_is_let_in_under_its_name(mutual: Guarded) -> None:
    with User(mutual.settings("pi1"), "pi1") as node:
        assert node.code("edge/v1/pi1/info") in {0x00, 0x10}
        assert node.code("edge/v1/pi2/info") == 0x87


def test_the_name_in_the_url_counts_for_nothing_beside_a_certificate(mutual: Guarded) -> None:
    url = mutual.site.url("pi1").replace("pi1@", "pi2@")
    with User(mutual.settings("pi1", url=url), "pi1") as node:
        assert node.code("edge/v1/pi2/info") == 0x87


def test_a_broker_of_an_unknown_authority_is_not_trusted(mutual: Guarded, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(certificates.new_authority("other", NOW).certificate)
    assert "mqtt_ca_file" in why_refused(mutual.settings("pi1", {"ca_file": other}))
    assert "mqtt_ca_file" in why_refused(mutual.settings("pi1", {"ca_file": None}))


def test_a_broker_under_a_name_that_is_not_its_own_is_not_trusted(mutual: Guarded) -> None:
    url = mutual.site.url("pi1").replace("localhost", "127.0.0.1")
    assert "host name" in why_refused(mutual.settings("pi1", url=url))


def test_a_client_without_a_certificate_is_told_which_settings_it_needs(mutual: Guarded) -> None:
    said = why_refused(mutual.settings("pi1", {"cert_file": None, "key_file": None}))
    assert "mqtt_cert_file" in said


def test_a_certificate_of_another_authority_is_refused(mutual: Guarded, tmp_path: Path) -> None:
    other = certificates.new_authority("other", NOW)
    files = saved(certificates.new_user(other, "pi1", NOW), tmp_path)
    assert "authority" in why_refused(mutual.settings("pi1", files))


def test_an_expired_certificate_is_refused(mutual: Guarded, tmp_path: Path) -> None:
    files = saved(certificates.new_user(authority(mutual), "pi1", LONG_AGO), tmp_path)
    assert "expired" in why_refused(mutual.settings("pi1", files))


def test_a_certificate_for_brokers_does_not_let_a_client_in(
    mutual: Guarded, tmp_path: Path
) -> None:
    pair = certificates.new_broker(authority(mutual), ["pi1"], NOW)
    assert "certificate" in why_refused(mutual.settings("pi1", saved(pair, tmp_path)))


def test_a_removed_name_is_revoked(tmp_path: Path) -> None:
    broker = Guarded(tmp_path / "site", "mtls", {"pi1": "node", "old": "node"})
    kept = tmp_path / "kept"
    shutil.copytree(broker.directory / "users/old", kept)
    broker.site.members.pop("old")
    write_site(broker.directory, broker.site, NOW)
    with broker:
        files = {"cert_file": kept / "mqtt-cert.pem", "key_file": kept / "mqtt-key.pem"}
        assert "revoked" in why_refused(broker.settings("pi1", files))
        with User(broker.settings("pi1"), "pi1") as node:
            assert node.code("edge/v1/pi1/info") in {0x00, 0x10}


def test_an_expired_broker_is_not_trusted(tmp_path: Path) -> None:
    broker = Guarded(tmp_path, "tls", {"pi1": "node"})
    pair = certificates.new_broker(authority(broker), ["localhost"], LONG_AGO)
    (tmp_path / "broker/broker-cert.pem").write_bytes(pair.certificate)
    (tmp_path / "broker/broker-key.pem").write_bytes(pair.key)
    with broker:
        assert "expired" in why_refused(broker.settings("pi1"))


def test_a_broker_without_tls_on_the_port_is_told_from_a_wrong_certificate(tmp_path: Path) -> None:
    with Guarded(tmp_path, "local", {"pi1": "node"}) as broker:
        at = BrokerSettings.parse(f"mqtts://localhost:{broker.site.port}", environ={})
        with pytest.raises(UnavailableError, match="TLS on this port"):
            User(at, "pi1").start(0.5)


def test_old_versions_of_tls_are_not_spoken(mutual: Guarded) -> None:
    context = tls_context(mutual.settings("pi1"))
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_key_that_others_can_read_is_refused(mutual: Guarded, tmp_path: Path) -> None:
    pair = Pair(
        (mutual.directory / "users/pi1/mqtt-cert.pem").read_bytes(),
        (mutual.directory / "users/pi1/mqtt-key.pem").read_bytes(),
    )
    files = saved(pair, tmp_path)
    for mode in (0o640, 0o604):
        files["key_file"].chmod(mode)
        with pytest.raises(ConfigError, match="chmod 600"):
            User(mutual.settings("pi1", files), "pi1")
