import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from mitmproxy.test import taddons
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError

from proxy_addon.certificates import CERTIFICATE_FILE
from proxy_addon.own_tls import LOOKS_EVERY_S, OwnTls


@pytest.fixture
def tls() -> OwnTls:
    return OwnTls(["meter.example", "172.17.0.1"])


def names_for(tls: OwnTls, folder: Path, sni: str | None, came_to: str) -> list[str]:
    """The names of the certificate that a client is shown, once it is known to be of the CA."""
    entry = tls.get_cert(SimpleNamespace(client=SimpleNamespace(sni=sni, sockname=(came_to, 1))))
    leaf = entry.cert.to_cryptography()
    authority = x509.load_pem_x509_certificate((folder / CERTIFICATE_FILE).read_bytes())
    store = X509Store()
    store.add_cert(X509.from_cryptography(authority))
    X509StoreContext(store, X509.from_cryptography(leaf)).verify_certificate()
    return [str(name.value) for name in leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]


def test_a_certificate_names_what_was_asked_for_and_nothing_else(tls: OwnTls, tmp_path: Path) -> None:
    with taddons.context(tls) as context:
        context.configure(tls, confdir=str(tmp_path))
        assert names_for(tls, tmp_path, "api.openai.com", "127.0.0.1") == ["api.openai.com"]
        assert names_for(tls, tmp_path, "meter.example", "172.17.0.1") == ["meter.example"]
        assert names_for(tls, tmp_path, None, "172.17.0.1") == ["172.17.0.1"]
        with pytest.raises(X509StoreContextError, match="permitted subtree violation"):
            names_for(tls, tmp_path, "example.com", "127.0.0.1")
        with pytest.raises(X509StoreContextError, match="permitted subtree violation"):
            names_for(tls, tmp_path, None, "127.0.0.1")


def test_names_and_addresses_of_the_users_own_are_vouched_for(tls: OwnTls, tmp_path: Path) -> None:
    with taddons.context(tls) as context:
        context.configure(tls, confdir=str(tmp_path))
    certificate = x509.load_pem_x509_certificate((tmp_path / CERTIFICATE_FILE).read_bytes())
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    permitted = {str(name.value) for name in constraints.permitted_subtrees or []}
    assert {"meter.example", "172.17.0.1/32", "api.anthropic.com"} <= permitted


def test_a_meter_that_runs_for_long_renews_its_ca_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = [datetime.now(UTC)]
    tls = OwnTls(now=lambda: today[0])
    shown: list[x509.Certificate] = []
    monkeypatch.setattr("mitmproxy.addons.tlsconfig.TlsConfig.tls_start_client", lambda self, data: None)
    with taddons.context(tls) as context:
        context.configure(tls, confdir=str(tmp_path))
        for days in (0, 100, 320):
            today[0] += timedelta(days=days)
            tls._looked_at -= LOOKS_EVERY_S + 1
            tls.tls_start_client(None)
            shown.append(tls.certstore.default_ca.to_cryptography())
    assert shown[0] == shown[1] != shown[2]
    assert shown[2].not_valid_after_utc > today[0] + timedelta(days=300)
    ssl.create_default_context(cadata=shown[2].public_bytes(serialization.Encoding.PEM).decode())
