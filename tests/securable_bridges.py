"""Bridges as processes that may be secured, a CA, and certificates that are wrong in one thing."""

import datetime
import ssl
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from bridge_bench import WITHIN_S, Bench
from bridge_peer import Peer
from bridge_process import far_end, serving
from secured_bridge import enrol
from stmota_daemon.authority import Authority
from stmota_edge.tls import bridge_uri, handshake, tls_context

FOR_A_SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)


class Lab(Bench):
    """A bridge that runs, the folder of what it keeps, and a CA."""

    folder: Path
    process: subprocess.Popen[str]

    @property
    def authority(self) -> Authority:
        """The daemon's."""
        return Authority.of(self.folder / "ca")

    @property
    def kept(self) -> list[Path]:
        """The files of key and certificates."""
        files = (self.folder / "kept").rglob("*")
        return [path for path in files if path.name == "secure" or path.suffix == ".pem"]

    async def tls(self, credential: Path | None = None, *, newest: ssl.TLSVersion | None = None) -> Peer:
        """A connection inside TLS. Raises `NotTrusted`."""
        plain = await self.plain()
        context = tls_context(credential or self.authority.client_file, is_server=False)
        if newest is not None:
            context.maximum_version = newest
        return Peer(await handshake(plain, context, is_server=False))

    async def plain(self) -> trio.SocketStream:
        """A connection."""
        self.streams.append(await trio.open_tcp_stream(self.host, self.port))
        return self.streams[-1]

    async def unique_id(self) -> bytes:
        """As it greets in plain."""
        return (await self.look()).identity.unique_id

    async def secure(self) -> bytes:
        """By the book, over plain TCP; return the bridge's id."""
        unique_id = await self.unique_id()
        assert (await enrol(await self.peer(), self.authority, unique_id)).is_done
        return unique_id

    def say(self, *words: str) -> None:
        """Write lines to its console."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{word}\n" for word in words))
        self.process.stdin.flush()

    async def shown(self) -> str:
        """The next line of its console."""
        assert self.process.stdout is not None
        return await trio.to_thread.run_sync(self.process.stdout.readline, abandon_on_cancel=True)


class Securable:
    """A kind of bridge that can be secured; each run keeps what the one before kept, and its id."""

    def __init__(self, command: list[str], folder: Path, *, is_c: bool = True) -> None:
        self.command = command
        self.folder = folder
        self.is_c = is_c
        self.port = folder / "port"
        """The same path for each run, whose pty may be another: a bridge's id comes of it."""

    @asynccontextmanager
    async def running(self, *options: str) -> AsyncGenerator[Lab, None]:
        """Run it; at the end it has to stop in order, and to have complained of nothing."""
        with far_end() as (far, path):
            self.port.unlink(missing_ok=True)
            self.port.symlink_to(path)
            command = [*self.command, *options, "--port", str(self.port), "--reset", "rts"]
            with serving(command) as (process, at), trio.fail_after(WITHIN_S):
                lab = Lab(far, *at)
                lab.folder = self.folder
                lab.process = process
                try:
                    yield lab
                finally:
                    for stream in lab.streams:
                        stream.socket.close()
                process.terminate()
                assert process.stderr is not None
                assert (process.stderr.read(), process.wait()) == ("", 0)


def new_request(unique_id: bytes) -> tuple[str, bytes]:
    """A key of somebody else, in PEM, and its request for a certificate of that id."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, unique_id.hex())])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*kind).decode(), csr.public_bytes(serialization.Encoding.DER)


def server_credential(lab: Lab, unique_id: bytes) -> Path:
    """A certificate of the daemon's CA for a server, with its key, as a bridge has it."""
    key, csr = new_request(unique_id)
    certificates = (lab.authority.sign(csr, unique_id), lab.authority.certificate)
    file = lab.folder / "server"
    file.write_text(key + "".join(map(ssl.DER_cert_to_PEM_cert, certificates)))
    return file


def certificate_of(
    lab: Lab, csr: bytes, common_name: str, *uris: str, usages: tuple[ObjectIdentifier, ...] = FOR_A_SERVER
) -> bytes:
    """The key of a request under these names, signed by the daemon's CA."""
    key, ca = ca_of(lab)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
    builder = dated().issuer_name(ca.subject).add_extension(names, critical=False)
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
    builder = builder.public_key(x509.load_der_x509_csr(csr).public_key())
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def ca_of(lab: Lab) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Key and certificate of the daemon's CA."""
    assert lab.authority.certificate
    pem = (lab.folder / "ca" / "ca.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key, x509.load_pem_x509_certificate(pem)


def dated() -> x509.CertificateBuilder:
    """Valid today."""
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().serial_number(1)
    return builder.not_valid_before(now - day).not_valid_after(now + day)


def no_cas(lab: Lab) -> list[bytes]:
    """Certificates of the CA's own key and name that make no CA of it."""
    key, ca = ca_of(lab)
    builder = dated().issuer_name(ca.subject).subject_name(ca.subject).public_key(key.public_key())
    end, is_ca = (x509.BasicConstraints(ca=ca, path_length=None) for ca in (False, True))
    signs_data = x509.KeyUsage(True, *(False,) * 8)  # digital_signature, and not key_cert_sign
    builders = (
        builder,
        builder.add_extension(end, critical=True),
        builder.add_extension(is_ca, critical=True).add_extension(signs_data, critical=True),
    )
    return [one.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER) for one in builders]


def wrong_names(lab: Lab, csr: bytes, unique_id: bytes) -> list[bytes]:
    """Certificates of the daemon's CA for the bridge's key that name it not at all, or by half."""
    right, wrong = unique_id.hex(), "00" * 8
    uri, other = bridge_uri(unique_id), bridge_uri(bytes(8))
    return [
        certificate_of(lab, csr, wrong, other),
        certificate_of(lab, csr, right, other),
        certificate_of(lab, csr, wrong, uri),
        certificate_of(lab, csr, right, uri + "0"),
    ]
