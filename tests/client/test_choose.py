"""How a bridge is chosen for a command."""

import msgspec
import pytest

from command_line import Stmota
from sample_answers import LAB, LOG, greeting
from scripted_daemon import EventStream, ScriptedDaemon, answer, refuse
from stmota_client import choose
from stmota_protocol.api import Problem, ProblemCode


def test_the_environment_names_the_bridge(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STMOTA_BRIDGE", "lab-esp32")
    daemon.on("GET", LOG, EventStream([]))

    assert stmota("logs").code == 0
    assert len(daemon.asked("GET", "/v1/bridges/lab-esp32")) == 1


def test_several_bridges_and_none_named_lists_them(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    twin = msgspec.structs.replace(LAB, id="ff")
    daemon.on("GET", "/v1/bridges", answer([LAB, twin]))

    ended = stmota("info")

    assert ended.code == 2
    assert ended.err == (
        "error: 2 bridges are known: lab-esp32 (0011223344556677), lab-esp32 (ff)\n"
        "  remedy: name one with --bridge, or in STMOTA_BRIDGE\n"
    )


def test_no_bridge_and_none_named_says_what_to_do(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    daemon.on("GET", "/v1/bridges", answer([]))

    ended = stmota("info")

    assert ended.code == 2
    assert ended.err.startswith("error: no bridge is known\n  remedy: is it on?")


def test_a_young_daemon_is_given_time_to_discover(
    daemon: ScriptedDaemon, stmota: Stmota, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "ASK_EVERY_S", 0.0)
    monkeypatch.setattr(choose, "DISCOVERY_S", 600.0)
    unknown = refuse(Problem(code=ProblemCode.UNKNOWN_BRIDGE, message="no bridge lab-esp32"), 404)
    daemon.on("GET", "/v1/greeting", answer(greeting(age_s=0.0)))
    daemon.on("GET", "/v1/bridges/lab-esp32", unknown, unknown, answer(LAB))
    daemon.on("GET", LOG, EventStream([]))

    assert stmota("logs", "-b", "lab-esp32").code == 0
    assert len(daemon.asked("GET", "/v1/bridges/lab-esp32")) == 3


def test_an_old_daemon_knows_what_it_knows(daemon: ScriptedDaemon, stmota: Stmota) -> None:
    unknown = Problem(code=ProblemCode.UNKNOWN_BRIDGE, message="no bridge x", remedy="known: lab-esp32")
    daemon.on("GET", "/v1/bridges/x", refuse(unknown, 404))

    ended = stmota("logs", "-b", "x")

    assert (ended.code, ended.err) == (2, "error: no bridge x\n  remedy: known: lab-esp32\n")
