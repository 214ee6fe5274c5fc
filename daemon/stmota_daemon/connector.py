"""Keeps one bridge connected while that is wanted: opens its link, again when it is lost, pumps its console.

A bridge has one controller, and other people's daemons find it by mDNS as well: a link that nobody uses is
let go of after a while, and until it is wanted again the bridge is only looked at, which disturbs nobody.

The link has one owner, the bridge's task; the console is pumped here for as long as the link lives.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import trio

from stmota_daemon.bell import Bell
from stmota_daemon.bridge_peek import Peeked
from stmota_daemon.console_log import ConsoleLog
from stmota_daemon.link import Link, LinkError, LinkHeld, LinkLost
from stmota_daemon.peek_times import PeekTimes
from stmota_protocol.messages import Console, ConsoleGap
from stmota_protocol.steps import Batch, Configure, EdgeIdentity, UartSettings, Unclaimed

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
"""Before the first new attempt: a Wi-Fi hiccup is over sooner than a person notices."""
LONGEST_PAUSE_S = 10.0
"""Between attempts at a bridge that stays away: it is back in the list within this time even without mDNS."""
PAUSE_FACTOR = 2.0
SETTLED_S = 5.0
"""A link that lived this long was a good one: pauses begin anew. One that dies at once is not hammered."""
ENDING_WITHIN_S = 0.05
"""For the end of a link whose bridge restarts, or was heard to go."""
PREPARE_WITHIN_S = 5.0
"""To set the console's UART on a new link: one round trip, on a link just found alive."""
CONSOLE_EVERY_S = 0.05
"""Between two takings of console: a board says it in frames of some 20 ms, and each taking is a write to
the log, an acknowledgement and a turn for all who follow. The first bytes after silence are taken at once."""
KNOWN_DOWN_AFTER_S = 10.0
"""Away for longer than a hiccup or a restart takes, a bridge is off: a job waits for one attempt only."""
KNOWN_DOWN_WITHIN_S = 1.5
"""For that attempt: `FIRST_PAUSE_S`, and some round trips to a bridge that has just come back."""
HOLD_AFTER_USE_S = 60.0
"""A link that nobody uses is kept this long: flash, look at the log, flash again is one use of a board, and
its console has no seam; and a colleague who waits for the board waits no longer than a minute."""


class WrongEdge(LinkError):
    """Another bridge answers at this address."""


class LinkOwner(ABC):
    """What the connector asks of the bridge's task."""

    @abstractmethod
    def open_link(self, console_from: Callable[[EdgeIdentity], int]) -> AbstractAsyncContextManager[Link]:
        """Open a link; `console_from` tells the console position wanted once the edge is known."""

    @abstractmethod
    async def peek(self) -> Peeked:
        """Look at the bridge, without becoming its controller. Raises `LinkError`."""

    @abstractmethod
    def wants_link(self) -> bool:
        """Whether the bridge is configured or in use. `Connector.use_changed` tells of a change."""

    @abstractmethod
    def check_identity(self, identity: EdgeIdentity) -> None:
        """Raise `WrongEdge` if this is not the bridge that is meant."""

    @abstractmethod
    def log_of(self, identity: EdgeIdentity) -> ConsoleLog:
        """Return the console log of that edge."""

    @abstractmethod
    def console_settings(self) -> UartSettings:
        """How the target's application talks."""

    @abstractmethod
    def label(self) -> str:
        """The bridge's name and address, for the daemon's own log."""

    @abstractmethod
    def link_changed(self, link: Link | None) -> None:
        """The link is up, or gone, an attempt has failed, or the bridge was looked at."""


class Connector:
    """One bridge's link, as far as there is one."""

    def __init__(self, owner: LinkOwner) -> None:
        self._owner = owner
        self._bell = Bell()
        self._urge = Bell()
        self._use = Bell()
        self._peek_times = PeekTimes()
        self.link: Link | None = None
        self.trouble: LinkError | None = None
        """Why the newest attempt or look failed, or the newest link was lost; None while there is a link."""
        self.has_answered = False
        """Whether a look or an attempt ever succeeded: then, without trouble, the bridge is there, free."""
        self.round_trip_s: float | None = None
        """By the newest look or link, if it succeeded."""
        self._failed_attempts = 0
        self._away_since_s: float | None = None
        """When the trouble began; None while there is none."""

    @property
    def is_there(self) -> bool:
        """Whether there is a link, or the newest look found the bridge free."""
        return self.link is not None or (self.trouble is None and self.has_answered)

    def urge(self) -> None:
        """There is news of the bridge, or somebody waits for it: try or look now."""
        self._urge.ring()
        self._peek_times.ask()

    def look(self) -> None:
        """Somebody asks how the bridge is: look soon, if it is not held."""
        self._peek_times.ask()

    def use_changed(self) -> None:
        """What `wants_link` says may be another thing now."""
        self._use.ring()

    async def keep_connected(self) -> None:
        """For ever: hold the link while it is wanted, else look now and then. Cancelled, it closes it."""
        while True:
            await self._look_until_wanted()
            await self._hold_while_wanted()

    async def _look_until_wanted(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._peek_times.run, self._look)
            await self._wanted()
            nursery.cancel_scope.cancel()

    async def _look(self) -> None:
        try:
            peeked = await self._owner.peek()
        except LinkError as error:
            self.round_trip_s = None
            self._set_trouble(error)
            return
        self.has_answered, self.round_trip_s = True, peeked.round_trip_s
        if peeked.holder:
            self._set_trouble(LinkHeld(peeked.holder))
        else:
            self.trouble = self._away_since_s = None
            self._tell(None)

    async def _wanted(self) -> None:
        while not self._owner.wants_link():
            await self._use.wait()

    async def _not_wanted_any_more(self) -> None:
        """Return when nobody has used the bridge for `HOLD_AFTER_USE_S`."""
        while True:
            while self._owner.wants_link():
                await self._use.wait()
            with trio.move_on_after(HOLD_AFTER_USE_S) as unused:
                await self._use.wait()
            if unused.cancelled_caught and not self._owner.wants_link():
                return

    async def _hold_while_wanted(self) -> None:
        """Until the link was let go of, or is not wanted and there is none."""
        pause_s = FIRST_PAUSE_S
        while self._owner.wants_link():
            began_s = trio.current_time()
            trouble = await self._link_once()
            if trouble is None:
                logger.info("%s: let go, nobody uses it", self._owner.label())
                # A look at once could come before the bridge has noticed, and find it held by ourselves.
                self._peek_times.is_known()
                self._tell(None)
                return
            self._failed_attempts += 1
            self._set_trouble(trouble)
            if trio.current_time() - began_s >= SETTLED_S:
                pause_s = FIRST_PAUSE_S
            with trio.move_on_after(pause_s):
                await self._urge.wait()
                # Ten clients that ask at once are one attempt; and a peer that refuses is not hammered.
                await trio.sleep(FIRST_PAUSE_S)
            pause_s = min(pause_s * PAUSE_FACTOR, LONGEST_PAUSE_S)
        self._peek_times.ask()

    async def _link_once(self) -> LinkError | None:
        """Open a link and serve it; return how it was lost, or None when it was let go of."""
        trouble: LinkError | None = LinkLost("the link was closed")
        try:
            async with self._owner.open_link(self._console_from) as link:
                trouble = await self._live(link)
        # An opener may have a nursery inside, which groups what leaves through it.
        except* LinkError as group:
            trouble = _first_of(group)
        return trouble

    async def wait_for_link(
        self, within_s: float, not_this: Link | None = None, *, gives_up_early: bool = False
    ) -> Link | None:
        """Return the link, or None when there is none in time, or the bridge says that it is held.

        A link equal to `not_this` may be one whose end has not come yet: it is given a moment first. Who
        `gives_up_early` waits for one attempt only where the bridge is known to be off.
        """
        if self.link is not None and self.link is not_this:
            with trio.move_on_after(min(ENDING_WITHIN_S, within_s)):
                while self.link is not_this:
                    await self._bell.wait()
        failed_before = self._failed_attempts
        is_off = gives_up_early and self._is_known_down
        within_s = min(within_s, KNOWN_DOWN_WITHIN_S) if is_off else within_s
        with trio.move_on_after(within_s):
            while (link := self.link) is None or link.has_ended:
                has_failed = self._failed_attempts > failed_before
                if has_failed and (is_off or isinstance(self.trouble, LinkHeld)):
                    return None
                self._urge.ring()
                await self._bell.wait()
            return link
        return None

    @property
    def _is_known_down(self) -> bool:
        away_since_s = self._away_since_s
        return away_since_s is not None and trio.current_time() - away_since_s >= KNOWN_DOWN_AFTER_S

    def _console_from(self, identity: EdgeIdentity) -> int:
        self._owner.check_identity(identity)
        return self._owner.log_of(identity).resume_position(identity.boot_id)

    async def _live(self, link: Link) -> LinkError | None:
        """Serve a link until it is lost or let go of; return as `_link_once` does."""
        try:
            self._owner.check_identity(link.identity)
            log = self._owner.log_of(link.identity)
            await self._prepare(link)
            log.begin(link.identity.boot_id)
            self.link, self._failed_attempts = link, 0
            self.trouble = self._away_since_s = None
            self.has_answered = True
            logger.info("%s: linked", self._owner.label())
            self._tell(link)
            return await self._pump(link, log)
        except LinkError as error:
            return error
        finally:
            self.link = None
            self.round_trip_s = link.clock.round_trip_s

    async def _prepare(self, link: Link) -> None:
        """Set the UART to the console's settings: a job that was cut off may have left others."""
        try:
            with trio.fail_after(PREPARE_WITHIN_S):
                run = link.begin_run(Unclaimed.CONSOLE)
                result = await run.execute(Batch((Configure(self._owner.console_settings()),)))
                run.end()
        except trio.TooSlowError as error:
            message = f"the bridge did not set its UART within {PREPARE_WITHIN_S:.0f} s"
            raise LinkLost(message) from error
        if not result.is_done:
            logger.warning(
                "%s: the console cannot be set to %s", self._owner.label(), self._owner.console_settings()
            )

    async def _pump(self, link: Link, log: ConsoleLog) -> LinkError | None:
        """Move console bytes to the log until the link is lost, or not wanted any more (None); return how."""
        lost: LinkError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._flush, link, log)
            nursery.start_soon(self._let_go, nursery.cancel_scope)
            try:
                while True:
                    await link.wait_for_console()
                    self._take_console(link, log)
                    await trio.sleep(CONSOLE_EVERY_S)
            except LinkError as error:
                lost = error
            finally:
                self._take_console(link, log)
                log.flush()
            nursery.cancel_scope.cancel()
        return lost

    def take_console(self) -> None:
        """Move to the log at once what the link has brought up to now."""
        if self.link is not None:
            self._take_console(self.link, self._owner.log_of(self.link.identity))

    def _take_console(self, link: Link, log: ConsoleLog) -> None:
        messages: list[Console | ConsoleGap] = []
        while (message := link.take_console()) is not None:
            messages.append(message)
        if messages:
            log.add(messages, link.clock, self._owner.console_settings())
            link.acknowledge_console(log.safe_position)

    async def _let_go(self, scope: trio.CancelScope) -> None:
        await self._not_wanted_any_more()
        self.link = None  # a job that comes now waits for the next one
        scope.cancel()

    async def _flush(self, link: Link, log: ConsoleLog) -> None:
        while True:
            await log.flush_when_quiet()
            link.acknowledge_console(log.safe_position)

    def _set_trouble(self, trouble: LinkError) -> None:
        news = _summary(trouble) != _summary(self.trouble)
        logger.log(logging.INFO if news else logging.DEBUG, "%s: %s", self._owner.label(), trouble)
        self.trouble = trouble
        if self._away_since_s is None:
            self._away_since_s = trio.current_time()
        self._tell(None)

    def _tell(self, link: Link | None) -> None:
        self._owner.link_changed(link)
        self._bell.ring()


def _summary(trouble: LinkError | None) -> str:
    """Return what makes a trouble another one than before: not for how long it has lasted."""
    return trouble.holder_name if isinstance(trouble, LinkHeld) else str(trouble)


def _first_of(group: BaseExceptionGroup[LinkError]) -> LinkError:
    """Return one error of a group, however nested."""
    for error in group.exceptions:
        return _first_of(error) if isinstance(error, BaseExceptionGroup) else error
    return LinkLost("the link was lost")
