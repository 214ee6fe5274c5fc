"""Batches and their results as the exchanges of a trace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stmota_protocol.an3155 import ACK, SYNC
from stmota_protocol.answers import errors_text, what_came
from stmota_protocol.heard import heard_text
from stmota_protocol.steps import (
    Batch,
    Cause,
    Configure,
    Discard,
    Expect,
    Line,
    OnSilence,
    Outcome,
    Result,
    Send,
    Sense,
    SetLines,
    Step,
    UartSettings,
    Wait,
)
from stmota_protocol.trace import Exchange, Wire, WireEvent
from stmota_protocol.trace_spans import Span, spans
from stmota_protocol.trace_words import answered, asked, command_title, opening_code, packets_of


@dataclass(slots=True)
class _Group:
    """Steps that make one exchange."""

    steps: list[tuple[int, Step]] = field(default_factory=list[tuple[int, Step]])
    packets_left: int = 0

    @property
    def packets(self) -> list[bytes]:
        """What the host sends."""
        return [step.data for _, step in self.steps if isinstance(step, Send)]


class TraceDecoder:
    """Turns one link's batches into exchanges, in the order of their results."""

    def __init__(self) -> None:
        self._settings = UartSettings()

    def exchanges(self, batch: Batch, result: Result, started_at: float) -> list[Exchange]:
        """Return what became of a batch that started at `started_at` (seconds since the epoch)."""
        done = {span.index: span for span in spans(batch, result, self._settings)}
        return [
            exchange
            for group in _groups(batch.steps)
            if (exchange := self._exchange(group, done, result, started_at)) is not None
        ]

    def _exchange(
        self, group: _Group, done: dict[int, Span], result: Result, started_at: float
    ) -> Exchange | None:
        """One group's exchange; None when nothing of it was begun in a batch that was."""
        if result.outcome is Outcome.SKIPPED:
            return Exchange(
                at=started_at,
                command=command_title(group.packets),
                asked=_asked(group),
                came="skipped: never sent",
            )
        own = [done[index] for index, _ in group.steps if index in done]
        if not own:
            return None
        begin_us = own[0].begin_us
        events: list[WireEvent] = []
        for span in own:
            if isinstance(span.step, Configure):
                self._settings = span.step.settings
            events += _events(span, result, begin_us)
        is_last = own[-1].index == max(done)
        if is_last and result.residue:
            events.append(WireEvent(own[-1].end_us - begin_us, False, Wire.UNCLAIMED, result.residue.hex()))
        failed = is_last and not result.is_done
        errors = errors_text(result.errors) if is_last and not failed else ""
        return Exchange(
            at=started_at + begin_us / 1e6,
            command=command_title(group.packets),
            asked=_asked(group),
            came=_failure(group, own, result) if failed else _last_answer(own) + errors,
            brought="; ".join(dict.fromkeys(filter(None, (_brought(group, span) for span in own)))),
            answer_us=_answer_us(own, self._settings),
            took_us=own[-1].end_us - begin_us,
            trouble=failed or bool(errors),
            wire=tuple(events),
        )


def _groups(steps: Sequence[Step]) -> Iterator[_Group]:
    """Cut a batch into commands (with what follows each up to the next packet) and what is around them."""
    group = _Group()
    for index, step in enumerate(steps):
        if isinstance(step, Send) and not group.packets_left:
            if group.steps:
                yield group
            code = opening_code(step.data)
            group = _Group(packets_left=0 if code is None else packets_of(code))
        elif isinstance(step, Send):
            group.packets_left -= 1
        elif isinstance(step, SetLines | Configure) and group.packets:
            yield group
            group = _Group()
        group.steps.append((index, step))
    if group.steps:
        yield group


def _asked(group: _Group) -> str:
    if group.packets:
        return asked(group.packets)
    return "; ".join(_without_repeats([_words(step) for _, step in group.steps]))


def _without_repeats(words: Sequence[str]) -> list[str]:
    """Tell a pair of steps that comes several times in a row once, with how often."""
    told: list[str] = []
    at = 0
    while at < len(words):
        pair = words[at : at + 2]
        times = 1
        while len(pair) == 2 and words[at + 2 * times : at + 2 * times + 2] == pair:
            times += 1
        if times > 1:
            told.append(f"{times} times {', '.join(pair)}")
            at += 2 * times
        else:
            told.append(words[at])
            at += 1
    return told


def _words(step: Step) -> str:
    match step:
        case SetLines():
            return _levels(step.mask, step.levels)
        case Configure():
            return f"UART {step.settings}"
        case Wait():
            return f"wait {step.wait_us / 1000:g} ms"
        case Sense():
            return "read the lines"
        case Discard():
            return "drop what comes"
        case _:
            return "listen"


def _levels(mask: Line, levels: Line) -> str:
    return ", ".join(f"{line.name} {'high' if line in levels else 'low'}" for line in mask)


def _events(span: Span, result: Result, begin_us: int) -> Iterator[WireEvent]:
    """What one step did at the edge."""
    begin, end = span.begin_us - begin_us, span.end_us - begin_us
    match span.step:
        case Send():
            yield WireEvent(begin, span.is_begin_timed, Wire.SENT, span.step.data.hex())
        case Expect():
            if not span.failed:
                yield WireEvent(end, span.is_end_timed, Wire.CAME, f"{span.step.good:02x}")
        case SetLines() | Configure() | Wait():
            yield WireEvent(begin, span.is_begin_timed, Wire.LINES, _words(span.step))
        case Sense():
            yield WireEvent(begin, span.is_begin_timed, Wire.LINES, _sensed(span.back))
        case Discard():
            yield WireEvent(end, span.is_end_timed, Wire.LINES, _dropped(span.back))
        case _:
            if span.back:
                yield WireEvent(end, span.is_end_timed, Wire.CAME, span.back.hex())
    if span.failed and result.cause is Cause.WRONG_BYTE and result.got is not None:
        yield WireEvent(end, span.is_end_timed, Wire.CAME, f"{result.got:02x}")


def _sensed(back: bytes) -> str:
    return _levels(Line(back[0]), Line(back[1])) if len(back) == 2 else "nothing was read"


def _dropped(back: bytes) -> str:
    count = int.from_bytes(back, "little")
    return f"{count} byte{'' if count == 1 else 's'} dropped"


def _failure(group: _Group, own: Sequence[Span], result: Result) -> str:
    last = own[-1]
    if group.packets and group.packets[0] == bytes((SYNC,)) and result.cause is Cause.SILENCE:
        return f"nothing, repeated for {(last.end_us - own[0].begin_us) / 1e6:.2g} s"
    return what_came(last.index - own[0].index, last.step, result)


def _last_answer(own: Sequence[Span]) -> str:
    """The byte that ended it well: `ACK`."""
    for span in reversed(own):
        if isinstance(span.step, Expect):
            name = "ACK" if span.step.good == ACK else f"0x{span.step.good:02X}"
            return name + _repeats_text(span)
    return ""


def _brought(group: _Group, span: Span) -> str:
    """What one step brought beyond its ACK: data, levels."""
    match span.step:
        case Sense():
            return _sensed(span.back)
        case Discard():
            return _dropped(span.back) if any(span.back) else ""
        case _ if span.back:
            return answered(group.packets, span.back) if group.packets else heard_text(span.back)
        case _:
            return ""


def _repeats(span: Span) -> int:
    """How often a step went back to its send, which takes next to no time itself."""
    if not isinstance(span.step, Expect) or span.step.on_silence is not OnSilence.REPEAT:
        return 0
    return (span.end_us - span.begin_us) // max(span.step.within_us, 1)


def _repeats_text(span: Span) -> str:
    repeats = _repeats(span)
    return f" after about {repeats} repeat{'s' if repeats > 1 else ''}" if repeats else ""


def _answer_us(own: Sequence[Span], settings: UartSettings) -> int | None:
    """From the end of the last packet sent to the answer to it; None where none was timed."""
    sent_at = next((at for at in reversed(range(len(own))) if isinstance(own[at].step, Send)), None)
    if sent_at is None or sent_at + 1 >= len(own):
        return None
    sent, answer = own[sent_at], own[sent_at + 1]
    if not isinstance(answer.step, Expect) or not isinstance(sent.step, Send) or not sent.is_begin_timed:
        return None
    if answer.failed or _repeats(answer):
        return None
    return max(answer.end_us - sent.begin_us - settings.wire_time_us(len(sent.step.data)), 0)
