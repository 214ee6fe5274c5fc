"""Browsing for bridges by mDNS: a convenience, never needed; where it cannot work the daemon goes on without.

zeroconf has threads of its own; what it finds is handed to trio, and nothing else of it gets out.
"""

import logging
from collections.abc import Callable

import trio
from zeroconf import InterfaceChoice, ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from stmota_daemon.announcements import Announcement, parse_announcement
from stmota_protocol.messages import MDNS_SERVICE

logger = logging.getLogger(__name__)

RESOLVE_MS = 3000
"""To ask for a service's address and text: a Wi-Fi's multicast is slow and lossy, and zeroconf repeats."""
CLOSE_WITHIN_S = 3.0


async def browse(
    interfaces: tuple[str, ...],
    announced: Callable[[Announcement], None],
    withdrawn: Callable[[str], None],
) -> None:
    """Until cancelled: tell of bridges that come, change and go. No interfaces means all of them."""
    token = trio.lowlevel.current_trio_token()
    try:
        zeroconf = await trio.to_thread.run_sync(_open, interfaces)
    except (OSError, ValueError) as error:
        logger.warning("no discovery by mDNS (%s): bridges are reached by configured addresses only", error)
        return
    try:
        listener = _Listener(token, announced, withdrawn)
        await trio.to_thread.run_sync(ServiceBrowser, zeroconf, MDNS_SERVICE, None, listener)
        await trio.sleep_forever()
    finally:
        with trio.move_on_after(CLOSE_WITHIN_S, shield=True):
            await trio.to_thread.run_sync(zeroconf.close, abandon_on_cancel=True)


def _open(interfaces: tuple[str, ...]) -> Zeroconf:
    return Zeroconf(interfaces=list(interfaces) if interfaces else InterfaceChoice.All)


class _Listener(ServiceListener):
    """Called by zeroconf's thread."""

    def __init__(
        self,
        token: trio.lowlevel.TrioToken,
        announced: Callable[[Announcement], None],
        withdrawn: Callable[[str], None],
    ) -> None:
        self._token = token
        self._announced = announced
        self._withdrawn = withdrawn

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """A service came."""
        info = ServiceInfo(type_, name)
        if not info.request(zc, RESOLVE_MS):
            logger.info("%.100r announces itself, but tells no address", name)
            return
        announcement = parse_announcement(name, info.parsed_addresses(), info.port, info.properties)
        if announcement is None:
            logger.info("%.100r is no bridge that could be used", name)
            return
        self._hand_over(lambda: self._announced(announcement))

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """A service's address or text changed."""
        self.add_service(zc, type_, name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """A service took its leave, or its records have expired."""
        del zc, type_
        self._hand_over(lambda: self._withdrawn(name))

    def _hand_over(self, news: Callable[[], None]) -> None:
        try:
            self._token.run_sync_soon(news)
        except trio.RunFinishedError:
            logger.debug("news after the daemon's end")
