from pathlib import Path

from app.services.own_ca import BESIDE, IN_THE_PLACE_OF, trusting


def test_a_process_trusts_ours_beside_what_it_trusts_already(tmp_path: Path) -> None:
    theirs = tmp_path / "company.pem"
    theirs.write_bytes(b"COMPANY")
    given = trusting({"SSL_CERT_FILE": str(theirs)}, b"OURS", tmp_path, "/seen")
    assert given["SSL_CERT_FILE"] == "/seen/SSL_CERT_FILE.pem"
    assert (tmp_path / "SSL_CERT_FILE.pem").read_bytes() == b"COMPANY\nOURS"
    assert (tmp_path / "NODE_EXTRA_CA_CERTS.pem").read_bytes() == b"\nOURS"
    assert set(given) <= {*IN_THE_PLACE_OF, *BESIDE}


def test_the_systems_certificates_are_not_lost(tmp_path: Path) -> None:
    given = trusting({}, b"OURS", tmp_path, "/seen")
    for name in set(given) & set(IN_THE_PLACE_OF):
        assert (tmp_path / f"{name}.pem").read_bytes().count(b"BEGIN CERTIFICATE") > 10
