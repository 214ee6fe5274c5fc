"""Keeps one bridge connected: opens its link, opens it again when it is lost, pumps its console.

The link has one owner, the bridge's task; the console is pumped here for as long as the link lives.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import trio

from stmota_daemon.bell import Bell
from stmota_daemon.console_log import ConsoleLog
from stmota_daemon.link import Link, LinkError, LinkHeld, LinkLost
from stmota_protocol.steps import Batch, Configure, EdgeIdentity, UartSettings, Unclaimed

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
"""Before the first new attempt: a Wi-Fi hiccup is over sooner than a person notices."""
LONGEST_PAUSE_S = 10.0
"""Between attempts at a bridge that stays away: it is back in the list within this time even without mDNS."""
PAUSE_FACTOR = 2.0
SETTLED_S = 5.0
"""A link that lived this long was a good one: pauses begin anew. One that dies at once is not hammered."""
UNNOTICED_S = 0.05
"""A job may learn of a link's end before the console's reader does: scheduling only, no round trip."""
PREPARE_WITHIN_S = 5.0
"""To set the console's UART on a new link: one round trip, on a link just found alive."""


class WrongEdge(LinkError):
    """Another bridge answers at this address."""


class LinkOwner(ABC):
    """What the connector asks of the bridge's task."""

    @abstractmethod
    def open_link(self, console_from: Callable[[EdgeIdentity], int]) -> AbstractAsyncContextManager[Link]:
        """Open a link; `console_from` tells the console position wanted once the edge is known."""

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
        """The link is up, or gone, or an attempt has failed."""


class Connector:
    """One bridge's link, as far as there is one."""

    def __init__(self, owner: LinkOwner) -> None:
        self._owner = owner
        self._bell = Bell()
        self._urge = Bell()
        self.link: Link | None = None
        self.trouble: LinkError | None = None
        """Why the newest attempt failed or the newest link was lost; None while there is a link."""
        self._failed_attempts = 0

    def urge(self) -> None:
        """There is news of the bridge, or somebody waits for it: try now."""
        self._urge.ring()

    async def keep_connected(self) -> None:
        """For ever. A cancellation closes the link."""
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = trio.current_time()
            trouble: LinkError = LinkLost("the link was closed")
            try:
                async with self._owner.open_link(self._console_from) as link:
                    trouble = await self._live(link)
            # An opener may have a nursery inside, which groups what leaves through it.
            except* LinkError as group:
                trouble = _first_of(group)
            self._set_trouble(trouble)
            if trio.current_time() - began_s >= SETTLED_S:
                pause_s = FIRST_PAUSE_S
            with trio.move_on_after(pause_s):
                await self._urge.wait()
                # Ten clients that ask at once are one attempt; and a peer that refuses is not hammered.
                await trio.sleep(FIRST_PAUSE_S)
            pause_s = min(pause_s * PAUSE_FACTOR, LONGEST_PAUSE_S)

    async def wait_for_link(self, within_s: float, not_this: Link | None = None) -> Link | None:
        """Return the link, or None when there is none in time, or the bridge says that it is held.

        A link equal to `not_this` may be one whose end was not noticed yet: it is given a moment first.
        """
        if self.link is not None and self.link is not_this:
            with trio.move_on_after(min(UNNOTICED_S, within_s)):
                while self.link is not_this:
                    await self._bell.wait()
        failed_before = self._failed_attempts
        with trio.move_on_after(within_s):
            while self.link is None:
                if isinstance(self.trouble, LinkHeld) and self._failed_attempts > failed_before:
                    return None
                self.urge()
                await self._bell.wait()
        return self.link

    def _console_from(self, identity: EdgeIdentity) -> int:
        self._owner.check_identity(identity)
        return self._owner.log_of(identity).resume_position(identity.boot_id)

    async def _live(self, link: Link) -> LinkError:
        """Serve a link until it is lost; return how."""
        try:
            self._owner.check_identity(link.identity)
            log = self._owner.log_of(link.identity)
            await self._prepare(link)
            log.begin(link.identity.boot_id)
            self.link, self.trouble, self._failed_attempts = link, None, 0
            logger.info("%s: linked", self._owner.label())
            self._tell(link)
            return await self._pump(link, log)
        except LinkError as error:
            return error
        finally:
            self.link = None

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

    async def _pump(self, link: Link, log: ConsoleLog) -> LinkError:
        """Move console bytes to the log until the link is lost; return how."""
        lost = LinkError()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._flush, link, log)
            try:
                while True:
                    log.add(await link.console(), link.clock, self._owner.console_settings())
                    link.acknowledge_console(log.safe_position)
            except LinkError as error:
                lost = error
            finally:
                log.flush()
            nursery.cancel_scope.cancel()
        return lost

    async def _flush(self, link: Link, log: ConsoleLog) -> None:
        while True:
            await log.flush_when_quiet()
            link.acknowledge_console(log.safe_position)

    def _set_trouble(self, trouble: LinkError) -> None:
        news = _summary(trouble) != _summary(self.trouble)
        logger.log(logging.INFO if news else logging.DEBUG, "%s: %s", self._owner.label(), trouble)
        self.trouble = trouble
        self._failed_attempts += 1
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
