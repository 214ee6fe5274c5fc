"""Console bytes of a link, one message at a time."""

from stmota_daemon.link import Link
from stmota_protocol.messages import Console, ConsoleGap


async def next_console(link: Link) -> Console | ConsoleGap:
    """Wait for a link's next console message. Raises the link's end."""
    await link.wait_for_console()
    message = link.take_console()
    assert message is not None
    return message
