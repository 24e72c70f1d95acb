"""The meter's own CA, and what a thief of its key could do with it."""

import ipaddress
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from mitmproxy.certs import CertStore

from proxy_addon.certificates import CA_FILE, CERTIFICATE_FILE, keep_authority
from proxy_addon.certified_names import certified_domains, covers
from proxy_addon.service_table import SERVICES
from tests.end2end.certificates import signed_by

NOW = datetime.now(UTC)
METERED = ("api.openai.com", "api.anthropic.com", "mine.openai.azure.com", "bedrock-runtime.us-east-1.amazonaws.com")
OTHERS = (
    "example.com",
    "openai.com",
    "evilapi.openai.com",
    "api.openai.com.example.com",
    "oauth2.googleapis.com",
    "s3.us-east-1.amazonaws.com",
    "*.com",
    "127.0.0.1",
    "::1",
)


def kept(folder: Path, *, domains: tuple[str, ...] = (), addresses: tuple[str, ...] = (), now: datetime = NOW) -> bool:
    return keep_authority(folder, domains or certified_domains(), addresses, now)


def certificate_in(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / CERTIFICATE_FILE).read_bytes())


@pytest.fixture(scope="module")
def stolen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA whose key a thief has."""
    folder = tmp_path_factory.mktemp("stolen")
    kept(folder)
    return folder


def test_it_lives_a_year_signs_only_and_is_readable_by_its_owner(stolen: Path) -> None:
    certificate = certificate_in(stolen)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert timedelta(days=364) < life <= timedelta(days=365)
    critical = {type(extension.value) for extension in certificate.extensions if extension.critical}
    assert critical == {x509.BasicConstraints, x509.KeyUsage, x509.NameConstraints}
    if os.name == "posix":
        assert {file.stat().st_mode & 0o777 for file in stolen.iterdir()} == {0o600}


def test_it_stays_as_long_as_it_is_good(tmp_path: Path) -> None:
    assert kept(tmp_path)
    before = (tmp_path / CA_FILE).read_bytes()
    assert not kept(tmp_path, now=NOW + timedelta(days=300))
    assert (tmp_path / CA_FILE).read_bytes() == before


def test_it_is_renewed_with_a_new_key_before_it_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept(tmp_path)
    before = certificate_in(tmp_path)
    assert kept(tmp_path, now=NOW + timedelta(days=310))
    after = certificate_in(tmp_path)
    assert after.public_key() != before.public_key()
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert "have to be started again" in caplog.text


def test_one_that_could_vouch_for_any_host_is_replaced_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    CertStore.create_store(tmp_path, "mitmproxy", 2048)
    old = certificate_in(tmp_path)
    assert kept(tmp_path)
    assert certificate_in(tmp_path).public_key() != old.public_key()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        [CA_FILE, CERTIFICATE_FILE, "mitmproxy-dhparam.pem"]
    ), "no copy of the old key stays"
    assert "made anew" in caplog.text


def test_one_that_lacks_names_gets_them_and_keeps_its_key_and_end(tmp_path: Path) -> None:
    kept(tmp_path, domains=("api.openai.com",))
    before = certificate_in(tmp_path)
    assert kept(tmp_path, domains=("api.anthropic.com",), addresses=("172.17.0.1",), now=NOW + timedelta(days=9))
    after = certificate_in(tmp_path)
    assert after.public_key() == before.public_key()
    assert after.not_valid_after_utc == before.not_valid_after_utc
    assert not kept(tmp_path, domains=("api.openai.com",)), "what was there stays there"
    permitted = after.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    assert {str(name.value) for name in permitted} == {"api.anthropic.com", "api.openai.com", "172.17.0.1/32"}


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_one_that_cannot_be_read_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CA_FILE).write_bytes(content)
    assert kept(tmp_path)
    assert not kept(tmp_path)


def test_two_meters_that_start_together_agree_on_one(tmp_path: Path) -> None:
    with_all = threading.Barrier(8)

    def start() -> None:
        with_all.wait()
        kept(tmp_path)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x509.load_pem_x509_certificate((tmp_path / CA_FILE).read_bytes()) == certificate_in(tmp_path)


def test_every_metered_host_is_covered_and_no_clouds_whole_domain() -> None:
    domains = certified_domains()
    for service in SERVICES:
        for name in service.hosts.names:
            example = name.replace("{label}", "us-central1").replace("{region}", "eu-west-1")
            example = example.replace("eu-west-1.amazonaws.com.cn", "cn-north-1.amazonaws.com.cn")
            assert service.scheme == "http" or covers(domains, example), example
    assert not {"com", "amazonaws.com", "googleapis.com", "azure.com", "api.aws", "amazonaws.com.cn"} & set(domains)
    assert not any(re.search("[{}]", domain) for domain in domains)


# How implementations judge a certificate that the stolen key signed. Each returns whether it was believed.


def believed_by_openssl(ca: Path, certificate: Path, _port: int, host: str) -> bool:
    kind = "-verify_ip" if ":" in host or host[0].isdigit() else "-verify_hostname"
    command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", str(ca), kind, host, str(certificate)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def believed_by_python(ca: Path, _certificate: Path, port: int, host: str) -> bool:
    context = ssl.create_default_context(cafile=str(ca))
    try:
        with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except ssl.SSLError:
        return False


def believed_by_curl(ca: Path, _certificate: Path, port: int, host: str) -> bool:
    place = f"[{host}]" if ":" in host else host
    command = [
        "curl",
        "-sS",
        "--noproxy",
        "*",
        "--cacert",
        str(ca),
        "--connect-to",
        f"::127.0.0.1:{port}",
        f"https://{place}:{port}/",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 60), done.stderr
    return done.returncode == 0


NODE = """
const [ca, port, host] = process.argv.slice(1);
const net = require('net');
const options = {host: '127.0.0.1', port, ca: require('fs').readFileSync(ca), servername: net.isIP(host) ? '' : host,
    checkServerIdentity: (_, certificate) => require('tls').checkServerIdentity(host, certificate)};
const socket = require('tls').connect(options, () => process.exit(socket.authorized ? 0 : 9));
socket.on('error', error => { console.error(error.code); process.exit(9); });
"""


def believed_by_node(ca: Path, _certificate: Path, port: int, host: str) -> bool:
    done = subprocess.run(["node", "-e", NODE, str(ca), str(port), host], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 9), done.stderr
    return done.returncode == 0


def believed_by_rust(ca: Path, certificate: Path, _port: int, host: str) -> bool:
    try:
        name: x509.DNSName | x509.IPAddress = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    store = Store([x509.load_pem_x509_certificate(ca.read_bytes())])
    try:
        PolicyBuilder().store(store).build_server_verifier(name).verify(
            x509.load_pem_x509_certificate(certificate.read_bytes()), []
        )
    except VerificationError:
        return False
    return True


JUDGES: dict[str, Callable[[Path, Path, int, str], bool]] = {
    "openssl": believed_by_openssl,
    "python": believed_by_python,
    "curl": believed_by_curl,
    "node": believed_by_node,
    "rust": believed_by_rust,
}
WRONGLY_BELIEVED = {"rust": {"*.com"}}
"""The verifier of Python's `cryptography` does not hold a wildcard to the constraints (CVE-2026-69248). No agent is
known to use it, and nothing in a CA could mend it; where this fails, it was mended."""
_PROGRAMS = ("openssl", "curl", "node")


@contextmanager
def serving(certificate: Path, key: Path) -> Iterator[int]:
    """A TLS server with that certificate; gives its port."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not believe hangs up."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(("127.0.0.1", 0), Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("judge", JUDGES)
def test_a_certificate_of_the_stolen_key_is_believed_for_metered_hosts_only(
    stolen: Path, tmp_path: Path, judge: str
) -> None:
    if judge in _PROGRAMS and shutil.which(judge) is None:
        pytest.skip(f"{judge} is not installed")
    believed = JUDGES[judge]
    told = {}
    for host in (*METERED, *OTHERS):
        certificate, key = signed_by(stolen / CA_FILE, tmp_path, host)
        with serving(certificate, key) as port:
            visited = host.replace("*", "victim")
            told[host] = believed(stolen / CERTIFICATE_FILE, certificate, port, visited)
    wrong = {host for host, is_believed in told.items() if is_believed is not (host in METERED)}
    assert wrong == WRONGLY_BELIEVED.get(judge, set())


@pytest.mark.parametrize("judge", JUDGES)
def test_a_name_in_the_subject_alone_is_no_way_around(stolen: Path, tmp_path: Path, judge: str) -> None:
    if judge in _PROGRAMS and shutil.which(judge) is None:
        pytest.skip(f"{judge} is not installed")
    certificate, key = signed_by(stolen / CA_FILE, tmp_path, "example.com", has_alternatives=False)
    with serving(certificate, key) as port:
        assert not JUDGES[judge](stolen / CERTIFICATE_FILE, certificate, port, "example.com")
