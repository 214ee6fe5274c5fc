"""What `stmota bridge serve` does, from a checked order to a clean end."""

import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import trio

from stmota_edge.announce import TellSecured, announced
from stmota_edge.errors import EdgeError, PortUnsupported
from stmota_edge.executor import Executor
from stmota_edge.listen import ListenAddress, is_loopback
from stmota_edge.open_port import PortAddress, open_executor, unique_id_of
from stmota_edge.secure_mode import SecureMode
from stmota_edge.serve_console import hear_words
from stmota_edge.soft_bridge import SoftBridge
from stmota_edge.soft_settings import SoftSettings, SoftUpkeep, checked_name, load_settings
from stmota_edge.wiring import Wiring
from stmota_protocol.limits import SECURE_WINDOW_S
from stmota_protocol.places import state_dir
from stmota_protocol.steps import UartSettings
from stmota_protocol.uart_text import parse_uart

CLOSE_WITHIN_S = 5.0
"""For the lines to reach their safe levels and the port to close: pyserial waits 3 s for an rfc2217 peer."""


@dataclass(frozen=True, slots=True)
class ServeOrder:
    """What is to be served, and how."""

    name: str
    port: PortAddress
    listen: ListenAddress
    console: UartSettings
    is_announced: bool = True
    settings_file: Path | None = None
    """Where the settings are kept; given, the network may change them, else in secure mode only."""
    secure_window_s: float = SECURE_WINDOW_S
    """How long after its start the bridge may be secured."""
    forgets_security: bool = False
    """Whether key and certificates of secure mode are forgotten first."""

    @staticmethod
    def parse(  # noqa: PLR0913 - the command's options
        name: str,
        port: str,
        reset: str | None,
        boot0: str | None,
        listen: str,
        console: str,
        *,
        is_announced: bool = True,
        settings_file: Path | None = None,
    ) -> "ServeOrder":
        """Check the command's options. Raises ValueError."""
        checked_name(name)
        try:
            Wiring.parse(reset, boot0)
        except PortUnsupported as error:
            raise ValueError(str(error)) from error
        return ServeOrder(
            name,
            PortAddress(port, reset, boot0),
            ListenAddress.parse(listen),
            parse_uart(console),
            is_announced,
            settings_file,
        )


def run_bridge(order: ServeOrder) -> None:
    """Serve until SIGINT or SIGTERM. Raises `EdgeError` or OSError, said for people."""
    failure = trio.run(_serve_until_signal, order)
    if failure is not None:
        raise failure


async def _serve_until_signal(order: ServeOrder) -> EdgeError | OSError | None:
    """Return why it could not be served, or could no longer; None after a signal."""
    failure: EdgeError | OSError | None = None
    async with trio.open_nursery() as nursery:
        await nursery.start(_cancel_at_signal, nursery.cancel_scope)
        try:
            await _serve(order)
        except (EdgeError, OSError) as error:
            failure = error
        nursery.cancel_scope.cancel()
    return failure


async def _cancel_at_signal(scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()


async def _serve(order: ServeOrder) -> None:
    """Until cancelled; each turn is a start of the bridge."""
    executor = await open_executor(order.port)
    listen: ListenAddress | None = order.listen
    try:
        unique_id = unique_id_of(order.port.url)
        # Before the loop: a restart that the network asks for is no power-up, and opens no window.
        secure_mode = _secure_mode(order, unique_id)
        while listen is not None:
            listen = await _serve_once(order, listen, executor, secure_mode)
    finally:
        with trio.move_on_after(CLOSE_WITHIN_S, shield=True):
            await executor.aclose()


async def _serve_once(
    order: ServeOrder, listen: ListenAddress, executor: Executor, secure_mode: SecureMode
) -> ListenAddress | None:
    """Until cancelled, or told to restart: then where to listen again. Raises `EdgeError` or OSError."""
    unique_id = unique_id_of(order.port.url)
    upkeep = _upkeep(order, unique_id)
    listeners = await _listen(listen)
    running = upkeep.running
    bridge = SoftBridge(
        executor,
        name=running.name,
        unique_id=unique_id,
        console=running.console,
        upkeep=upkeep,
        secure_mode=secure_mode,
    )

    def obey(word: str) -> None:
        _say(running.name, bridge.security.obey(word))

    port = listen.port
    failure: EdgeError | None = None
    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(_tell, bridge, listeners, order.is_announced)
            nursery.start_soon(hear_words, obey)
            port = int(listeners[0].socket.getsockname()[1])
            await bridge.serve(listeners)
        except EdgeError as error:
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return ListenAddress(listen.host, port) if upkeep.restart_wanted.is_set() else None


def _upkeep(order: ServeOrder, unique_id: bytes) -> SoftUpkeep:
    """Raises OSError when the settings cannot be read."""
    given = SoftSettings(order.name, order.console)
    file = order.settings_file or _kept(unique_id, "json")
    try:
        return SoftUpkeep(load_settings(file, given), file, is_open=order.settings_file is not None)
    except ValueError as error:
        raise OSError(str(error)) from error


def _secure_mode(order: ServeOrder, unique_id: bytes) -> SecureMode:
    """Return the bridge's key and certificates, as far as there are any. Raises OSError."""
    file = _kept(unique_id, "pem")
    if order.forgets_security and file.exists():
        file.unlink()
        _say(order.name, "has forgotten its key and certificates: it is not in secure mode any more")
    return SecureMode(file, unique_id, lambda text: _say(order.name, text), order.secure_window_s)


def _kept(unique_id: bytes, kind: str) -> Path:
    return state_dir() / "bridges" / f"{unique_id.hex()}.{kind}"


def _say(name: str, text: str) -> None:
    """Show a line on the bridge's console."""
    sys.stdout.write(f"{name}: {text}\n")
    sys.stdout.flush()


async def _listen(address: ListenAddress) -> list[trio.SocketListener]:
    """Raises OSError, with the address in it."""
    try:
        return await trio.open_tcp_listeners(address.port, host=address.host)
    except OSError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        message = f"cannot listen on {address}: {cause.strerror or cause}"
        raise OSError(message) from error


async def _tell(
    bridge: SoftBridge,
    listeners: list[trio.SocketListener],
    is_announced: bool,
    *,
    task_status: trio.TaskStatus[None],
) -> None:
    """Say where the bridge listens, and announce it there, if that is wanted, for as long as it does."""
    for listener in listeners:
        host, port = listener.socket.getsockname()[:2]
        sys.stdout.write(f"{bridge.identity.name} listening on {ListenAddress(host, port)}\n")
        if not is_loopback(host) and not bridge.security.is_secured:
            sys.stderr.write(
                f"warning: whoever reaches {ListenAddress(host, port)} can flash this board: "
                "this bridge is not secured\n"
            )
    sys.stdout.flush()
    task_status.started()
    async with AsyncExitStack() as stack:
        tellers: list[TellSecured] = []
        for listener in listeners if is_announced else ():
            host, port = listener.socket.getsockname()[:2]
            is_secured = bridge.security.is_secured
            announcement = announced(bridge.identity, host, port, is_secured=is_secured)
            tellers.append(await stack.enter_async_context(announcement))
        while True:
            changed = bridge.security_changed = trio.Event()
            for tell_secured in tellers:
                await tell_secured(bridge.security.is_secured)
            await changed.wait()
