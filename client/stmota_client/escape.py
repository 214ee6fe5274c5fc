"""Text of boards, bridges and daemons, made safe to show on a terminal."""

import re

HARMFUL = re.compile(
    "["
    "\x00-\x1f\x7f"  # C0 and DEL: cursor movement, escape sequences
    "\x80-\x9f"  # C1: the same in one character
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls: text that reads other than it is
    "\u2028\u2029"  # line and paragraph separators: a line that looks like two
    "\ud800-\udfff"  # lone surrogates: no encoding takes them
    "]"
)
"""Characters that are never shown as themselves."""


def escape(text: str) -> str:
    r"""Return `text` with harmful characters as `\xNN` or `\uNNNN`; all others stay as they are."""
    return HARMFUL.sub(_shown, text)


def escape_line(text: str) -> str:
    """Escape a line of a board's log; tabs become spaces up to the next multiple of eight."""
    return escape(text.expandtabs(8))


def escape_json(text: str) -> str:
    r"""Return JSON `text` with the harmful characters in its strings as `\uNNNN`: the same value.

    Line ends between values stay: inside strings JSON has none.
    """
    return HARMFUL.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
