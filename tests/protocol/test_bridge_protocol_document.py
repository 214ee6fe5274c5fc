"""BRIDGE_PROTOCOL.md says what the code does: diagram, tables, numbers, and the worked example."""

import re
from pathlib import Path
from struct import Struct

import pytest

from stmota_protocol import (
    limits,
    wire_handshake,
    wire_messages,
    wire_results,
    wire_secure,
    wire_steps,
    wire_upkeep,
)
from stmota_protocol.connection import Connection, Role
from stmota_protocol.connection_states import diagram
from stmota_protocol.frames import PREAMBLE
from stmota_protocol.messages import (
    DEFAULT_TCP_PORT,
    MDNS_KEYS,
    MDNS_SERVICE,
    BatchRequest,
    BatchResult,
    BeginRun,
    CloseReason,
    Closing,
    Console,
    ConsoleAck,
    EndRun,
    Greeting,
    Hello,
    Message,
    Welcome,
)
from stmota_protocol.steps import (
    MAX_RESIDUE,
    MAX_STEPS,
    Arrival,
    Batch,
    Cause,
    Configure,
    Discard,
    EdgeIdentity,
    Expect,
    Line,
    OnSilence,
    Outcome,
    Parity,
    Receive,
    ReceiveCounted,
    ReceiveUntilQuiet,
    Result,
    Send,
    Sense,
    SetLines,
    Step,
    UartSettings,
    Unclaimed,
    Wait,
)
from stmota_protocol.upkeep import SettingsVerdict, UpdateState
from stmota_protocol.wire import KNOWN_STEPS, MessageType, StepNumber, charge, request_bytes
from stmota_protocol.wire_steps import step_bytes

DOCUMENT = (Path(__file__).parents[2] / "protocol" / "BRIDGE_PROTOCOL.md").read_text(encoding="utf-8")
UNWRAPPED = re.sub(r"\s+", " ", DOCUMENT)


def block(kind: str, after: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)\n```", DOCUMENT[DOCUMENT.index(after) :], re.DOTALL)
    assert found
    return found[1]


def test_diagram_is_the_table() -> None:
    assert block("mermaid", "### States") == diagram()


def test_rules_are_numbered_without_holes() -> None:
    numbers = [int(number) for number in re.findall(r"^\*\*R(\d+)\*\* ", DOCUMENT, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_rules_that_are_referred_to_exist() -> None:
    rules = {int(number) for number in re.findall(r"^\*\*R(\d+)\*\* ", DOCUMENT, re.MULTILINE)}
    assert {int(number) for number in re.findall(r"\bR(\d+)\b", DOCUMENT)} <= rules


def test_every_message_has_a_section_and_no_other() -> None:
    titles = re.findall(r"^### 0x([0-9A-F]{2}) (\w+)$", DOCUMENT, re.MULTILINE)
    found = {int(number, 16): name.lower() for number, name in titles}
    assert found == {int(number): number.name.replace("_", "").lower() for number in MessageType}


def test_every_step_has_a_section_and_no_other() -> None:
    titles = re.findall(r"^#### Step 0x([0-9A-F]{2}) (\w+)$", DOCUMENT, re.MULTILINE)
    found = {int(number, 16): name.lower() for number, name in titles}
    assert found == {int(number): number.name.replace("_", "").lower() for number in StepNumber}


FIXED: dict[str, Struct | None] = {
    "### 0x01 Greeting": wire_handshake.GREETING,
    "### 0x02 Hello": wire_handshake.HELLO,
    "### 0x03 Welcome": wire_handshake.WELCOME,
    "### 0x04 Busy": wire_handshake.BUSY,
    "### 0x05 Ping": wire_messages.PING,
    "### 0x06 Pong": wire_messages.PONG,
    "### 0x07 Unsupported": wire_messages.ONE_BYTE,
    "### 0x08 Closing": wire_messages.ONE_BYTE,
    "### 0x10 BeginRun": wire_messages.BEGIN_RUN,
    "### 0x11 BatchRequest": wire_messages.BATCH_REQUEST,
    "### 0x12 BatchResult": Struct(wire_results.BATCH_RESULT.format + wire_results.FIXED.format[1:]),
    "### 0x13 Abort": wire_messages.RUN,
    "### 0x14 EndRun": wire_messages.RUN,
    "### 0x20 Console": wire_messages.CONSOLE,
    "### 0x21 ConsoleGap": wire_messages.CONSOLE_GAP,
    "### 0x22 ConsoleAck": wire_messages.CONSOLE_ACK,
    "### 0x40 GetSettings": None,
    "### 0x41 Settings": wire_upkeep.COUNT,
    "### 0x42 SetSettings": wire_upkeep.COUNT,
    "### 0x43 SettingsAnswer": wire_upkeep.VERDICT,
    "### 0x44 Restart": None,
    "### 0x50 UpdateBegin": wire_upkeep.UPDATE_BEGIN,
    "### 0x51 UpdateStatus": wire_upkeep.UPDATE_STATUS,
    "### 0x52 UpdateData": wire_upkeep.UPDATE_DATA,
    "### 0x53 UpdateFinish": None,
    "### 0x54 UpdateCancel": None,
    "### 0x60 SecureRequest": None,
    "### 0x61 SecureCsr": wire_secure.LENGTH,
    "### 0x62 SecureInstall": wire_secure.LENGTH,
    "### 0x63 SecureAnswer": wire_secure.OUTCOME,
    "#### Step 0x01 Send": None,
    "#### Step 0x02 Expect": wire_steps.EXPECT,
    "#### Step 0x03 Receive": wire_steps.RECEIVE,
    "#### Step 0x04 ReceiveCounted": wire_steps.COUNTED,
    "#### Step 0x05 ReceiveUntilQuiet": wire_steps.UNTIL_QUIET,
    "#### Step 0x06 Discard": wire_steps.DISCARD,
    "#### Step 0x07 SetLines": wire_steps.SET_LINES,
    "#### Step 0x08 Sense": None,
    "#### Step 0x09 Wait": wire_steps.WAIT,
    "#### Step 0x0A Configure": wire_steps.CONFIGURE,
}
"""Each table's title, and the fixed fields that code reads there."""


def fixed_sizes(title: str) -> list[int]:
    """Sizes of the fields of fixed length in a table; asserts that its offsets add up."""
    start = DOCUMENT.index(title + "\n") + len(title)
    section = re.split(r"\n#", DOCUMENT[start:], maxsplit=1)[0]
    rows = re.findall(r"^\| (\d+) \| (\w+).*? \|", section, re.MULTILINE)
    sizes = [int(size) for _, size in rows if size.isdigit()]
    assert [int(offset) for offset, _ in rows] == [sum(sizes[:index]) for index in range(len(rows))]
    return sizes


def test_every_section_has_its_table_checked() -> None:
    titles = re.findall(r"^#{3,4} (?:Step )?0x[0-9A-F]{2} \w+$", DOCUMENT, re.MULTILINE)
    assert titles == [*(title for title in FIXED if "Step" in title), *(t for t in FIXED if "Step" not in t)]


@pytest.mark.parametrize("title", FIXED)
def test_table_has_the_fields_that_the_code_reads(title: str) -> None:
    layout = FIXED[title]
    expected = [] if layout is None else [Struct("<" + item).size for item in items(layout)]
    assert fixed_sizes(title) == expected


def items(layout: Struct) -> list[str]:
    return re.findall(r"\d*[a-zA-Z]", layout.format)


def test_charge_formula() -> None:
    assert "request = 14 + for each step 3 + its arguments" in UNWRAPPED
    assert (
        "largest result = 115 + for each step: Expect 6; Receive 4 + `length`; ReceiveCounted and "
        "ReceiveUntilQuiet 4 + `cap`; Discard 8; Sense 6; others, and steps not understood, 0."
    ) in UNWRAPPED
    returned: list[tuple[Step, int]] = [
        (Send(b"x"), 0),
        (Expect(1, 1), 6),
        (Receive(1000, 1), 1004),
        (ReceiveCounted(1, 0, 1000, 1), 1004),
        (ReceiveUntilQuiet(1, 1000, 1), 1004),
        (Discard(1, 1), 8),
        (SetLines(Line(1), Line(0)), 0),
        (Sense(), 6),
        (Wait(1), 0),
        (Configure(UartSettings()), 0),
    ]
    assert len(returned) == len(StepNumber)
    for step, most in returned:
        batch = Batch((step,) * 20)
        assert charge(batch) == max(14 + 20 * step_bytes(step), 115 + 20 * most)
    assert request_bytes(Batch(())) == 14


@pytest.mark.parametrize(
    "sentence",
    [
        f"Default TCP port: {DEFAULT_TCP_PORT}.",
        f"| 0 | 6 | magic | `{PREAMBLE[:6].hex(' ')}`",
        f"version {PREAMBLE[6]}.{PREAMBLE[7]}",
        f"no frame is longer than {limits.MAX_SMALL_FRAME} bytes",
        f"as long as the header can say ({limits.MAX_FRAME})",
        f"no largest result exceeds {limits.MAX_RESULT_FRAME}",
        f"At most {limits.MAX_WAITING_CONNECTIONS} connections wait",
        f"not welcome {limits.HELLO_WITHIN_S:.0f} s after",
        f"at least every {limits.KEEP_ALIVE_S:.0f} s",
        f"no byte came for {limits.DEAD_PEER_S:.0f} s",
        f"no controller was welcomed for {limits.SAFE_LINES_AFTER_S:.0f} s",
        f"within {limits.ECHO_WITHIN_US // 1000} ms of the last stop bit",
        f"length, 1 to {limits.MAX_CERTIFICATE_BYTES} |",
        f"carries more than {limits.MAX_TLS_DATA} bytes",
        f"*window* of {limits.SECURE_WINDOW_S:.0f} s",
        f"bytes to skip, at most {limits.MAX_SKIP} ",
        f"length, 1 to {limits.MAX_CONSOLE_DATA} ",
        f"count of steps, at most {MAX_STEPS} ",
        f"length of the residue, at most {MAX_RESIDUE} ",
        f"the first {MAX_RESIDUE} of them",
        f"text[{limits.MAX_NAME_BYTES}] | name",
        f"text[{limits.MAX_FIRMWARE_BYTES}] | firmware",
        f"text[{limits.MAX_NAME_BYTES}] | holder",
        f"text[{limits.MAX_TEXT_BYTES}] | a sentence",
        f"text[{limits.MAX_PROJECT_BYTES}] | since 1.1: project",
        f"text[{limits.MAX_CHIP_BYTES}] | since 1.1: chip",
        f"key text[{limits.MAX_KEY_BYTES}], value text[{limits.MAX_VALUE_BYTES}]",
        f"count, at most {limits.MAX_SETTINGS} |",
        f"length, 1 to {limits.MAX_UPDATE_DATA} |",
        f"at most {limits.MAX_UPDATE_AHEAD} bytes ahead",
        "Verdict: " + ", ".join(f"{int(verdict)} {verdict.name}" for verdict in SettingsVerdict),
        "State: " + ", ".join(f"{int(state)} {state.name}" for state in UpdateState),
        f"`{MDNS_SERVICE.removesuffix('.local.')}` by mDNS",
        "Reasons: " + ", ".join(f"{int(reason)} {reason.name}" for reason in CloseReason),
        "outcome: " + ", ".join(f"{int(outcome)} {outcome.name}" for outcome in Outcome),
        "cause: 0 none, " + ", ".join(f"{int(cause)} {cause.name}" for cause in Cause if cause < Cause.OTHER),
        "parity: " + ", ".join(f"{int(parity)} {parity.name.lower()}" for parity in Parity),
        "on_silence: " + ", ".join(f"{int(it)} {it.name.lower().replace('_', ' ')}" for it in OnSilence),
        "unclaimed: " + ", ".join(f"{int(it)} {it.name.lower()}" for it in Unclaimed),
    ],
)
def test_number_in_the_document_is_the_code_s(sentence: str) -> None:
    assert sentence in UNWRAPPED


def test_mdns_keys() -> None:
    sentence = re.search(r"TXT keys: (.*?)\. ", UNWRAPPED)
    assert sentence
    named = [name for name in re.findall(r"`([^`]+)`", sentence[1]) if name.isalpha()]
    assert tuple(named) == MDNS_KEYS


SYNC = Batch((Send(b"\x7f"), Expect(0x79, 20_000)))
SYNCED = Result(Outcome.DONE, started_us=2_100_000, ended_us=2_100_480, arrivals=(Arrival(1, 470),))
IDENTITY = EdgeIdentity(
    name="lab-1",
    unique_id=bytes.fromhex("0011223344556677"),
    boot_id=bytes.fromhex("8899aabbccddeeff"),
    firmware="esp-0.1",
    lines=Line.NRST | Line.BOOT0,
    credit=16384,
    max_batch=8192,
    supported_steps=KNOWN_STEPS,
    console_ring=32768,
    project="stmota_bridge",
    chip="esp32c3",
)
EXAMPLE: tuple[tuple[Role, Message, str], ...] = (
    (Role.BRIDGE, Greeting(IDENTITY, 0, 0, 2_000_000), "Greeting"),
    (Role.CONTROLLER, Hello(bytes(range(16)), "desk"), "Hello"),
    (Role.BRIDGE, Welcome(), "Welcome: no last result"),
    (Role.CONTROLLER, BeginRun(1, Unclaimed.RESIDUE), "BeginRun 1, unclaimed = residue"),
    (Role.CONTROLLER, BatchRequest(1, 0, SYNC), "BatchRequest 1, 0: Send 7f; Expect 79 within 20000 us"),
    (Role.CONTROLLER, EndRun(1), "EndRun 1, sent ahead"),
    (
        Role.BRIDGE,
        BatchResult(
            1, 0, Result(Outcome.DONE, None, None, None, 2_100_000, 2_100_480, (), (Arrival(1, 470),))
        ),
        "BatchResult 1, 0: DONE from 2100000 to 2100480 us; step 1 got its byte after 470 us",
    ),
    (Role.BRIDGE, Console(0, 2_500_000, b"hello\r\n"), 'Console at position 0, 2500000 us: "hello\\r\\n"'),
    (Role.CONTROLLER, ConsoleAck(7), "ConsoleAck: all before 7"),
    (Role.CONTROLLER, Closing(CloseReason.SHUTDOWN, "bye"), 'Closing: SHUTDOWN, "bye"'),
)


def spoken() -> str:
    """The conversation of two real cores, as the document shows it."""
    ends = {role: Connection(role) for role in Role}
    lines: list[str] = []

    def show(role: Role, data: bytes, what: str) -> None:
        lines.append(f"{role.value}: {what}")
        rows = [data[at : at + 16] for at in range(0, len(data), 16)]
        lines.extend(f"    {row.hex(' ')}" for row in rows)

    for role in (Role.BRIDGE, Role.CONTROLLER):
        data = ends[role].preamble()
        ends[role.peer].receive_data(data)
        show(role, data, "preamble")
    for role, message, what in EXAMPLE:
        data = ends[role].send(message)
        ends[role.peer].receive_data(data)
        assert ends[role.peer].next_event() == message
        show(role, data, what)
    return "\n".join(lines)


def test_worked_example_is_what_two_cores_say() -> None:
    assert block("text", "## 8. A worked example") == spoken()
