"""A certificate authority that a played provider's certificates come from, and a meter that believes in it."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[3]
DAY = timedelta(days=1)


def meddled(folder: Path, code: str) -> dict[str, str]:
    """The environment of a Python that runs this code before all else."""
    (folder / "sitecustomize.py").write_text(code, "utf-8")
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


class Authority:
    """Made anew for each test run; `file` holds its certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a played authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._builder(self._name, self._key, -DAY, DAY).add_extension(constraints, critical=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def believed(self) -> Mapping[str, str]:
        """The environment of a meter that takes it for the one authority there is."""
        return meddled(self._folder, f"import certifi\ncertifi.where = lambda: {str(self.file)!r}\n")

    def context(self, name: str, begins: timedelta = -DAY, ends: timedelta = DAY) -> ssl.SSLContext:
        """What a server speaks TLS with whose certificate is for that name, from and until so much from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        signed = self._builder(subject, key, begins, ends).add_extension(names, critical=False)
        file = self._folder / f"{name}-{begins.days}.pem"
        form = serialization.PrivateFormat.PKCS8
        file.write_bytes(
            signed.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins: timedelta, ends: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
        )
