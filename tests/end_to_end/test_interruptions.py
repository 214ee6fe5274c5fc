"""Whoever dies or leaves while a board is being flashed: the job ends as it should all the same."""

import signal

import pytest

from real_lab import RealLab
from sample_images import make_image
from stmota_protocol.api import Job, JobState, Phase

KIB = 1024
IMAGE = make_image(12 * KIB, text="went on")
F407_SECTORS_0_TO_4 = make_image(72 * KIB, text="large")
"""Erasing the 64 KiB sector 4 takes 1.1 s as well, so an interrupt finds the erase under way."""


def check_verified(job: Job) -> None:
    assert job.state is JobState.DONE, job.problem
    assert job.report is not None
    assert job.report.verified
    assert job.report.started_evidence == "went on"


def test_ctrl_c_during_an_erase_cancels_the_job_and_resets_the_chip(lab: RealLab) -> None:
    old = lab.file("old.bin", make_image(KIB, text="old one", heartbeat_ms=0))
    lab.daemon()
    lab.with_board("lab", "--chip", "F407", "--slow-flash", "--flash", old)
    flash = lab.start("flash", "-b", "lab", lab.file("fw.bin", F407_SECTORS_0_TO_4))
    flash.wait_for_err("erasing 5 units")
    flash.signal(signal.SIGINT)
    ended = flash.wait()
    assert (ended.code, ended.out) == (130, "")
    assert "cancelling; Ctrl-C again leaves at once, and the job goes on\n" in ended.err
    assert "writing" not in ended.err
    (job,) = lab.api.jobs()
    assert job.state is JobState.CANCELLED
    info = lab.stmota("info", "-b", "lab")
    assert info.code == 0, info.err  # the chip is not in the middle of a command
    again = lab.begin_flash("lab", IMAGE)
    check_verified(lab.ended(again))


def test_a_second_ctrl_c_leaves_and_the_job_is_cancelled_or_done_without_the_client(lab: RealLab) -> None:
    lab.daemon()
    lab.with_board("lab", "--chip", "F407", "--slow-flash")
    flash = lab.start("flash", "-b", "lab", lab.file("fw.bin", F407_SECTORS_0_TO_4))
    flash.wait_for_err("erasing 5 units")
    flash.signal(signal.SIGINT)
    flash.wait_for_err("cancelling")
    flash.signal(signal.SIGINT)
    assert flash.wait().code == 130
    (job,) = lab.api.jobs()
    assert lab.ended(job).state is JobState.CANCELLED


def test_a_client_that_dies_does_not_stop_its_job(lab: RealLab) -> None:
    lab.daemon()
    lab.with_board("lab")
    flash = lab.start("flash", "-b", "lab", lab.file("fw.bin", IMAGE))
    flash.wait_for_err("writing 12288 bytes")
    flash.kill()
    (job,) = lab.api.jobs()
    assert job.state is JobState.RUNNING
    check_verified(lab.ended(job))


@pytest.mark.parametrize(
    ("phase", "done"), [(Phase.ERASE, 0), (Phase.WRITE, 4 * KIB), (Phase.VERIFY, 8 * KIB)]
)
def test_a_daemon_killed_in_any_phase_takes_the_job_up_again_and_its_client_follows_it_to_the_end(
    phase: Phase, done: int, lab: RealLab
) -> None:
    daemon = lab.daemon()
    lab.with_board("lab")
    flash = lab.start("flash", "-b", "lab", lab.file("fw.bin", IMAGE))
    flash.wait_for_err("entering the bootloader")
    (job,) = lab.api.jobs()
    lab.wait_for_phase(job, phase, done)
    daemon.kill()
    flash.wait_for_err("the daemon went away: waiting for it up to 30 s")
    lab.daemon()
    ended = flash.wait()
    assert ended.code == 0, ended.err
    assert 'verified, started, seen: "went on"' in ended.out
    job = lab.api.job(job.id)
    check_verified(job)
    assert job.restarts == 1
    assert "went on" in lab.log_lines("lab")


def test_a_daemon_that_is_stopped_takes_the_job_up_again(lab: RealLab) -> None:
    daemon = lab.daemon()
    lab.with_board("lab")
    job = lab.begin_flash("lab", IMAGE)
    lab.wait_for_phase(job, Phase.WRITE, done=4 * KIB)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait().code == 0
    lab.daemon()
    check_verified(lab.ended(job))


def test_a_bridge_that_is_restarted_during_a_flash_is_found_again(lab: RealLab) -> None:
    lab.daemon()
    bridge = lab.with_board("lab")
    flash = lab.start("flash", "-b", "lab", lab.file("fw.bin", IMAGE))
    flash.wait_for_err("writing 12288 bytes")
    bridge.kill()
    flash.wait_for_err(
        "warning: the link to the bridge was lost (the other side closed the connection); waiting for it"
    )
    lab.sim_bridge("lab", "--listen", f"127.0.0.1:{bridge.port}").ready()
    ended = flash.wait()
    assert ended.code == 0, ended.err
    assert 'verified, started, seen: "went on"' in ended.out
    (job,) = lab.api.jobs()
    check_verified(job)


def test_a_board_that_loses_bytes_is_flashed_all_the_same(lab: RealLab) -> None:
    lab.daemon()
    faults = ("drop-to-chip=3000", "corrupt-to-host=300", "extra-to-host=500")
    lab.with_board("lab", *(part for fault in faults for part in ("--fault", fault)))
    job = lab.ended(lab.begin_flash("lab", IMAGE))
    check_verified(job)
    assert job.report is not None
    assert job.report.recoveries >= 1
