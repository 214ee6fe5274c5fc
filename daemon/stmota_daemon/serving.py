"""The daemon in this process, until a signal or a request ends it: all of its imports, and its event loop."""

import contextlib
import logging
import signal
import socket
from collections.abc import Sequence

import trio

from stmota_daemon.config import Config
from stmota_daemon.daemon import Daemon, opened
from stmota_daemon.instance import Places

logger = logging.getLogger(__name__)


def serve(places: Places, config: Config) -> None:
    """Run a daemon on places that are held. Raises `DaemonError`, OSError."""
    with opened(places, config) as (services, listeners):
        daemon = Daemon(services, config, places.config_file)
        logger.info("listening on %s", places.socket)
        with contextlib.suppress(KeyboardInterrupt):
            trio.run(_until_signalled, daemon, listeners)
        logger.info("ended")


async def _until_signalled(daemon: Daemon, listeners: Sequence[socket.socket]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end_on_signal, daemon)
        await daemon.run(listeners)
        nursery.cancel_scope.cancel()


async def _end_on_signal(daemon: Daemon) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            logger.info("ending: %s", signal.Signals(number).name)
            daemon.shut_down()
