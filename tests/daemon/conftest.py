"""A daemon's bridges, and its API, on an edge and with work that the tests direct."""

from pathlib import Path

import pytest

from api_lab import OpenApi, served_api
from bridge_lab import LAB, OpenLab, bridge_lab
from defect_rig import Without
from fake_edge import FakeEdge, FakeWork
from stmota_protocol.chips import defect_table
from stmota_protocol.chips.defects import Defect, DefectKind


@pytest.fixture
def edge() -> FakeEdge:
    return FakeEdge()


@pytest.fixture
def work() -> FakeWork:
    return FakeWork()


@pytest.fixture
def open_lab(tmp_path: Path, edge: FakeEdge, work: FakeWork) -> OpenLab:
    """A daemon's bridges on one state directory; opened again, they are those of the next daemon."""
    return lambda *configs: bridge_lab(tmp_path, edge, work, configs or (LAB,))


@pytest.fixture
def open_api(tmp_path: Path, edge: FakeEdge, work: FakeWork) -> OpenApi:
    return lambda: served_api(tmp_path, edge, work)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Without:
    """Take all defects of a kind out of the host's table."""

    def take_out(kind: DefectKind) -> None:
        left: tuple[Defect, ...] = tuple(one for one in defect_table.DEFECTS if one.kind is not kind)
        monkeypatch.setattr(defect_table, "DEFECTS", left)

    return take_out
