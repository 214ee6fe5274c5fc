"""`bridge secure`, `forget-security` and `ca` against a scripted daemon."""

import getpass
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LAB
from scripted_daemon import Answer, ScriptedDaemon, answer, refuse
from stmota_protocol.api import (
    BridgeKey,
    CertificateAuthority,
    ExportAuthorities,
    ImportAuthorities,
    Problem,
    ProblemCode,
    SecureBridge,
    SecuredBridge,
    SecureState,
)

SECURITY = "/v1/bridges/lab-esp32/security"
PRINT = "9f2c" * 16
KEY = BridgeKey(id=LAB.id or "", fingerprint=PRINT)
ASKED = f"the bridge's key has the fingerprint {PRINT}\nDoes the bridge's own console show the same? [y/N] "
SECURED = "lab-esp32: in secure mode; only this daemon can speak to it\n"
OLD, NEW = "0" * 64, "1" * 64
CAS = [
    CertificateAuthority(NEW, 1.8e9, signs=True, bridges=(SecuredBridge("aa" * 8, "lab-1"),)),
    CertificateAuthority(
        OLD, 1.7e9, signs=False, bridges=(SecuredBridge("bb" * 8, None, "it is not there"),)
    ),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let somebody sit at a terminal who types that."""

    def typed(text: str) -> None:
        monkeypatch.setattr("sys.stdin", Terminal(text))

    return typed


@pytest.fixture
def plain(daemon: ScriptedDaemon) -> ScriptedDaemon:
    """A daemon with a bridge that can be secured."""
    daemon.on("GET", SECURITY, answer(KEY))
    daemon.on("POST", SECURITY, answer(KEY))
    return daemon


def bodies(daemon: ScriptedDaemon, path: str) -> list[bytes]:
    return [request.body for request in daemon.asked("POST", path)]


def given(daemon: ScriptedDaemon) -> list[str | None]:
    return [msgspec.json.decode(body, type=SecureBridge).fingerprint for body in bodies(daemon, SECURITY)]


def test_who_says_yes_secures_the_bridge_whose_fingerprint_was_shown(
    plain: ScriptedDaemon, stmota: Stmota, typed: Callable[[str], None]
) -> None:
    typed("yes\n")
    ended = stmota("bridge", "secure", "lab-esp32")
    assert (ended.code, ended.out, ended.err) == (0, SECURED, ASKED)
    assert given(plain) == [PRINT]


@pytest.mark.parametrize("text", ["n\n", "maybe\n", "\n", ""], ids=["no", "another word", "return", "EOF"])
def test_whatever_else_is_typed_secures_nothing(
    plain: ScriptedDaemon, stmota: Stmota, typed: Callable[[str], None], text: str
) -> None:
    typed(text)
    ended = stmota("bridge", "secure", "lab-esp32")
    assert (ended.code, ended.out) == (130, "")
    assert ended.err == f"{ASKED}error: not confirmed: nothing was done\n"
    assert given(plain) == []


def test_without_a_terminal_it_says_what_scripts_give(plain: ScriptedDaemon, stmota: Stmota) -> None:
    ended = stmota("bridge", "secure", "lab-esp32")
    assert ended.code == 2
    assert "there is no terminal to compare the fingerprint on: nothing was done" in ended.err
    assert "--fingerprint" in ended.err
    assert plain.asked("GET", SECURITY) == []


def test_a_fingerprint_is_taken_as_consoles_write_it(plain: ScriptedDaemon, stmota: Stmota) -> None:
    written = ":".join(PRINT[at : at + 2].upper() for at in range(0, 64, 2))
    assert stmota("bridge", "secure", "lab-esp32", "--fingerprint", written).out == SECURED
    assert given(plain) == [PRINT]


def test_a_secured_bridge_gets_a_new_certificate_and_nothing_is_asked(
    plain: ScriptedDaemon, stmota: Stmota
) -> None:
    plain.on("GET", "/v1/bridges/lab-esp32", answer(msgspec.structs.replace(LAB, secure=SecureState.OURS)))
    assert stmota("bridge", "secure", "lab-esp32").out == "lab-esp32: has a new certificate\n"
    assert given(plain) == [None]


def test_a_bridge_that_was_reset_is_secured_again_after_a_warning(
    plain: ScriptedDaemon, stmota: Stmota, typed: Callable[[str], None]
) -> None:
    plain.on("GET", "/v1/bridges/lab-esp32", answer(msgspec.structs.replace(LAB, secure=SecureState.OURS)))
    was_reset = Problem(code=ProblemCode.NOT_SECURE, message="it was reset at its console")
    plain.on("POST", SECURITY, refuse(was_reset, 403), answer(KEY))
    typed("y\n")
    ended = stmota("bridge", "secure", "lab-esp32")
    assert (ended.code, ended.out) == (0, SECURED)
    assert ended.err == f"warning: it was reset at its console\n{ASKED}"
    assert given(plain) == [None, PRINT]


def test_a_secured_bridge_is_forgotten_after_a_question(
    plain: ScriptedDaemon, stmota: Stmota, typed: Callable[[str], None]
) -> None:
    plain.on("DELETE", SECURITY, Answer(status=204))
    assert stmota("bridge", "forget-security", "lab-esp32").code == 2
    typed("n\n")
    assert stmota("bridge", "forget-security", "lab-esp32").code == 130
    assert plain.asked("DELETE", SECURITY) == []
    typed("y\n")
    ended = stmota("bridge", "forget-security", "lab-esp32")
    assert ended.out == "lab-esp32: not secured any more, as far as this daemon is concerned\n"
    assert stmota("bridge", "forget-security", "lab-esp32", "--yes").code == 0
    assert len(plain.asked("DELETE", SECURITY)) == 2


def test_the_cas_are_shown_with_whom_they_secured_and_who_waits(
    daemon: ScriptedDaemon, stmota: Stmota
) -> None:
    daemon.on("GET", "/v1/ca", answer(CAS))
    ended = stmota("bridge", "ca", "show")
    assert ended.out.splitlines() == [
        f"{NEW}  made 2027-01-15, signs",
        f"  lab-1 ({'aa' * 8})",
        f"{OLD}  made 2023-11-14, is kept until these have a certificate of the new one",
        f"  {'bb' * 8}: waits, it is not there",
    ]
    assert [one["fingerprint"] for one in stmota("bridge", "ca", "show", "--json").json] == [NEW, OLD]
    daemon.on("GET", "/v1/ca", answer([]))
    assert stmota("bridge", "ca", "show").err == ("no CA yet: the first is made when a bridge is secured\n")


def test_a_rotation_is_asked_about_and_says_that_backups_are_old(
    daemon: ScriptedDaemon, stmota: Stmota, typed: Callable[[str], None]
) -> None:
    daemon.on("POST", "/v1/ca/rotate", answer(CAS))
    typed("\n")
    assert stmota("bridge", "ca", "rotate").code == 130
    assert bodies(daemon, "/v1/ca/rotate") == []
    ended = stmota("bridge", "ca", "rotate", "--yes")
    assert ended.code == 0
    assert ended.err == "note: a backup made before does not hold this CA: stmota bridge ca export FILE\n"
    assert len(bodies(daemon, "/v1/ca/rotate")) == 1


def exported(daemon: ScriptedDaemon) -> list[str | None]:
    asked = bodies(daemon, "/v1/ca/export")
    return [msgspec.json.decode(body, type=ExportAuthorities).passphrase for body in asked]


def test_a_backup_is_for_its_owner_only_and_takes_nobody_s_place(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.on("POST", "/v1/ca/export", Answer(b"PEM"))
    file = tmp_path / "ca.pem"
    assert stmota("bridge", "ca", "export", file).code == 2
    monkeypatch.setenv("STMOTA_CA_PASSPHRASE", "")
    assert "an empty passphrase protects nothing" in stmota("bridge", "ca", "export", file).err
    monkeypatch.setenv("STMOTA_CA_PASSPHRASE", "sesame")
    ended = stmota("bridge", "ca", "export", file)
    assert (ended.code, ended.out) == (0, "")
    assert "sesame" not in ended.err
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"PEM", 0o600)
    ended = stmota("bridge", "ca", "export", file)
    assert ended.code == 2
    assert "is there already" in ended.err
    assert stmota("bridge", "ca", "export", tmp_path / "two.pem", "--no-passphrase").code == 0
    assert exported(daemon) == ["sesame", None]


@pytest.mark.parametrize(
    ("answers", "code", "says"),
    [(["a", "a"], 0, "encrypted"), (["a", "b"], 2, "they are not the same"), ([], 130, "no passphrase")],
)
def test_a_new_passphrase_is_asked_for_twice(  # noqa: PLR0917 - fixtures
    daemon: ScriptedDaemon, stmota: Stmota, typed: Callable[[str], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, answers: list[str], code: int, says: str,
) -> None:  # fmt: skip
    daemon.on("POST", "/v1/ca/export", Answer(b"PEM"))
    left = list(answers)

    def ask(_question: str) -> str:
        if not left:
            raise EOFError
        return left.pop(0)

    monkeypatch.setattr(getpass, "getpass", ask)
    typed("")
    ended = stmota("bridge", "ca", "export", tmp_path / "ca.pem")
    assert ended.code == code
    assert says in ended.err
    assert exported(daemon) == (["a"] if code == 0 else [])


def test_a_backup_is_brought_back_and_a_refusal_can_be_overridden(
    daemon: ScriptedDaemon, stmota: Stmota, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    no = Problem(code=ProblemCode.USAGE, message="nothing was imported: …", overridable=True)
    daemon.on("POST", "/v1/ca/import", refuse(no), answer(CAS))
    file.write_text("-----BEGIN PRIVATE KEY-----\n")
    ended = stmota("bridge", "ca", "import", file)
    assert ended.code == 2
    assert "--force overrides this" in ended.err
    assert stmota("bridge", "ca", "import", file, "--force").out.startswith(f"{NEW}  made")
    file.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert stmota("bridge", "ca", "import", file).code == 2  # no terminal to ask on
    monkeypatch.setenv("STMOTA_CA_PASSPHRASE", "sesame")
    assert stmota("bridge", "ca", "import", file).code == 0
    asked = [msgspec.json.decode(body, type=ImportAuthorities) for body in bodies(daemon, "/v1/ca/import")]
    assert [(one.passphrase, one.force) for one in asked] == [(None, False), (None, True), ("sesame", False)]
    for name, content, why in (("none", None, "No such file"), ("bin", b"\xff\x00", "it is not text")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        ended = stmota("bridge", "ca", "import", tmp_path / name)
        assert ended.code == 2
        assert why in ended.err
