"""What a board is to say after a flash: a regular expression of Python's `re`, checked on both sides."""

import re

MAX_PATTERN = 500
"""Characters: far more than a version and a greeting need; bounds what compiling one costs."""
MAX_WITHIN_S = 3600.0


class BadPattern(ValueError):
    """An expression that cannot be used: says why."""


def compile_pattern(text: str) -> re.Pattern[str]:
    """Compile an expression. Raises `BadPattern`."""
    if not text:
        message = "an empty expression would be found in anything"
        raise BadPattern(message)
    if len(text) > MAX_PATTERN:
        message = f"an expression may have {MAX_PATTERN} characters, not {len(text)}"
        raise BadPattern(message)
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        message = f"{text!r} is no regular expression: {error}"
        raise BadPattern(message) from error
