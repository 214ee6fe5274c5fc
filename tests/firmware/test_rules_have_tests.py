"""Every numbered rule and every wire number of BRIDGE_PROTOCOL.md has a test that says so."""

import ast
import re
from pathlib import Path

from stmota_protocol import messages, steps, upkeep

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "protocol" / "BRIDGE_PROTOCOL.md").read_text(encoding="utf-8")
RULE = re.compile(r"^\*\*(R\d+)\*\*", re.MULTILINE)
NUMBER = re.compile(r"^####? (?:Step )?(0x[0-9A-F]{2}) (\w+)$", re.MULTILINE)
ENUM_NUMBER = re.compile(r"\b(\d) ([A-Z][A-Z_]+)\b")
MARKED_IN_C = re.compile(r"^TEST\(\w+, \"([R0-9 ]+)\"\)", re.MULTILINE)

NOT_OVER_THE_WIRE = {
    "R55": "mDNS: tests/edge/test_announce.py",
    "R72": "the controller's: tests/daemon/test_secure_links.py",
}
"""Rules that `test_rules_*` cannot show, and why; all but those to come have a unit test that is marked."""
TO_COME: set[str] = set()


def marked_rules(path: Path) -> set[str]:
    """The arguments of every `pytest.mark.rule(…)`, of a test or of one of its parameters."""
    return {
        ast.literal_eval(argument)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.mark.rule", "rule")
        for argument in node.args
    }


def rules_in_c() -> set[str]:
    sources = (ROOT / "bridge_firmware" / "host_test").glob("*.c")
    return {
        rule
        for source in sources
        for rules in MARKED_IN_C.findall(source.read_text(encoding="utf-8"))
        for rule in rules.split()
    }


def suite() -> list[Path]:
    found = (ROOT / "tests" / "firmware").glob("test_rules_*.py")
    return sorted(path for path in found if path != Path(__file__))


def test_every_rule_has_a_test_over_the_wire_or_a_reason_and_a_test_elsewhere() -> None:
    rules = RULE.findall(DOCUMENT)
    assert rules == [f"R{number}" for number in range(1, len(rules) + 1)]
    over_the_wire = set[str]().union(*map(marked_rules, suite()))
    elsewhere = rules_in_c().union(*map(marked_rules, (ROOT / "tests").rglob("test_*.py")))
    assert over_the_wire <= set(rules)
    assert elsewhere <= set(rules)
    assert set(rules) - over_the_wire == set(NOT_OVER_THE_WIRE)
    assert set(rules) - elsewhere == TO_COME


def test_every_message_and_step_of_the_document_is_used_by_the_suite() -> None:
    names = [name for _, name in NUMBER.findall(DOCUMENT)]
    assert len(names) == len(set(names)) > 20
    used = {
        node.id
        for path in [*suite(), ROOT / "tests" / "bridge_bench.py", ROOT / "tests" / "bridge_peer.py"]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name)
    }
    assert set(names) - used == set()


def test_every_reason_outcome_cause_and_choice_is_used_by_the_suite() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in suite())
    named = {name for _, name in ENUM_NUMBER.findall(DOCUMENT)}
    closed = {f"{kind.__name__}.{member.name}" for kind in CLOSED for member in kind}
    assert named <= {name.partition(".")[2] for name in closed}
    assert {name for name in closed if name not in source} == NOT_SEEN


CLOSED = (
    messages.CloseReason,
    steps.Outcome,
    steps.Cause,
    steps.OnSilence,
    steps.Unclaimed,
    upkeep.SettingsVerdict,
    upkeep.UpdateState,
    upkeep.FirmwareTrial,
)
NOT_SEEN = {
    "Cause.OTHER",  # one that this version does not know: tests/protocol/test_wire.py
}
