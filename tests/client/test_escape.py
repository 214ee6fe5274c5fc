"""What boards and bridges say never moves a terminal's cursor."""

import json
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_client.escape import escape, escape_json, escape_line

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
texts = st.text(st.characters(categories=None), max_size=60)
any_text = st.one_of(
    texts, st.text(st.sampled_from("a\\\t\n\r\x00\x1b[31m\x7f\x85\x9b\u2028" + BIDI), max_size=30)
)


def is_harmful(character: str) -> bool:
    """By Unicode's categories, not our table: control, surrogate, line and paragraph separator; bidi."""
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character in BIDI


@settings(deadline=None, derandomize=True)
@given(any_text)
def test_escaped_text_has_no_harmful_character_and_can_be_encoded(text: str) -> None:
    for escaped in (escape(text), escape_line(text)):
        assert not any(is_harmful(character) for character in escaped)
        assert escaped.encode().decode() == escaped


@settings(deadline=None, derandomize=True)
@given(texts.map(lambda text: "".join(c for c in text if not is_harmful(c))))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert escape(text) == text


@settings(deadline=None, derandomize=True)
@given(any_text)
def test_escaped_json_means_the_same_and_has_no_harmful_character_but_line_ends(text: str) -> None:
    document = json.dumps({"text": text}, ensure_ascii=False, indent=2)

    escaped = escape_json(document)

    assert json.loads(escaped) == {"text": text}
    assert not any(is_harmful(character) for character in escaped.replace("\n", ""))


def test_each_kind_is_shown_by_its_number() -> None:
    assert escape("\x1b[31mred\x07 \x7f \x9b \u202e \ud83d") == r"\x1b[31mred\x07 \x7f \x9b \u202e \ud83d"


def test_tabs_of_a_log_line_become_spaces() -> None:
    assert escape_line("a\tb") == "a       b"
