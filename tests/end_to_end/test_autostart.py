"""A daemon that nobody started by hand."""

import pytest

from real_lab import PROCESSES, RealLab
from sample_images import make_image

CLIENTS = 8


@pytest.mark.skipif(not PROCESSES.is_dir(), reason="counts processes by /proc")
def test_eight_clients_at_once_start_one_daemon(lab: RealLab) -> None:
    clients = [lab.start("discover", "--timeout", "0", "--json") for _ in range(CLIENTS)]
    for client in clients:
        ended = client.wait()
        assert (ended.code, ended.json) == (0, []), ended.err
    daemons = {pid: command for pid, command in lab.processes().items() if "stmota_daemon" in command}
    assert lab.api.greeting().pid in daemons
    stopped = lab.stmota("daemon", "stop")
    assert stopped.code == 0, stopped.err
    lab.wait_until_nothing_runs()  # `stop` returns once the locks are free: the interpreter ends after that


def test_a_daemon_started_by_a_flash_outlives_it_and_stops_when_told(lab: RealLab) -> None:
    bridge = lab.sim_bridge("lab").ready()
    lab.configure(f'[discovery]\nmdns = false\n[bridges.lab]\nhost = "127.0.0.1"\nport = {bridge.port}\n')
    firmware = lab.file("fw.bin", make_image(2048))
    ended = lab.stmota("flash", "-b", "lab", firmware)
    assert ended.code == 0, ended.err
    status = lab.stmota("daemon", "status")
    assert (status.code, str(lab.api.greeting().pid) in status.out) == (0, True)
    assert [job.kind.value for job in lab.api.jobs()] == ["flash"]
    assert lab.stmota("daemon", "stop").code == 0
    assert lab.stmota("logs", "-b", "lab", "--no-autostart").code == 3
