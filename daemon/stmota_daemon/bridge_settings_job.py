"""The bridge-settings job: look at a bridge's settings, change them, restart it."""

from stmota_daemon.bridge_care import BridgeCare
from stmota_daemon.bridge_upkeep import (
    ASK_WITHIN_S,
    LINK_WITHIN_S,
    asking,
    care_of,
    refused_by_bridge,
    restart,
)
from stmota_daemon.peer_text import cleaned
from stmota_daemon.work import Board, Report
from stmota_daemon.work_outcome import WorkOutcome
from stmota_protocol.api import Phase
from stmota_protocol.api.bridge_work import BridgeSetting, BridgeSettingsOptions, BridgeSettingsResult
from stmota_protocol.limits import MAX_VALUE_BYTES
from stmota_protocol.upkeep import (
    GetSettings,
    SetSettings,
    SettingChange,
    SettingFlags,
    Settings,
    SettingsAnswer,
    SettingsVerdict,
)


async def bridge_settings(board: Board, report: Report, options: BridgeSettingsOptions) -> WorkOutcome:
    """Change what is to be changed, all or nothing, and bring back the table. Raises `WorkFailed`."""
    report.phase(Phase.CONNECT, 0, f"asking {board.name} for its settings")
    link = await board.link(LINK_WITHIN_S)
    care = care_of(board, link)
    if options.changes:
        await _change(board, care, options.changes)
    if options.restart:
        link = await restart(board, report, link)
        care = care_of(board, link)
    settings = await _table(board, care)
    result = BridgeSettingsResult(
        settings=settings,
        needs_restart=any(setting.pending for setting in settings),
        restarted=options.restart,
    )
    return WorkOutcome(result=result)


async def _change(board: Board, care: BridgeCare, changes: dict[str, str]) -> None:
    wanted = SetSettings(tuple(SettingChange(key, value) for key, value in changes.items()))
    with asking(board, ASK_WITHIN_S):
        answer = await care.ask(wanted)
    if isinstance(answer, SettingsAnswer) and answer.verdict is SettingsVerdict.REFUSED:
        raise refused_by_bridge(board, "its settings were not changed", answer.text)


async def _table(board: Board, care: BridgeCare) -> tuple[BridgeSetting, ...]:
    with asking(board, ASK_WITHIN_S):
        answer = await care.ask(GetSettings())
    if not isinstance(answer, Settings):
        raise refused_by_bridge(board, "it does not tell its settings", answer.text)
    return tuple(
        BridgeSetting(
            key=cleaned(setting.key, MAX_VALUE_BYTES),
            value=cleaned(setting.value, MAX_VALUE_BYTES),
            secret=bool(setting.flags & SettingFlags.SECRET),
            pending=bool(setting.flags & SettingFlags.PENDING),
        )
        for setting in answer.settings
    )
