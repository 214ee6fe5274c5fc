"""One daemon, eight boards, eight jobs and sixteen who watch: everybody gets all of it."""

import json
import signal
import threading

from real_lab import Process, RealLab
from sample_images import boot_output, make_image
from stmota_client.client import Client
from stmota_protocol.api import ENDED, BridgeEvent, DaemonEvent, Job, JobChanged, JobState

BOARDS = 8
LOG_FOLLOWERS = BOARDS
EVENT_FOLLOWERS = 16 - LOG_FOLLOWERS
F103_FLASH = 128 * 1024
NAMES = [f"lab-{number}" for number in range(1, BOARDS + 1)]
WHOLE_LIFE = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)
LAST_BEAT = "up 3 s"


class Watcher(threading.Thread):
    """Follows all the daemon's events until all jobs have ended."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.events: list[DaemonEvent] = []
        self.is_subscribed = threading.Event()
        self._address = address

    def run(self) -> None:
        with Client(self._address) as client:
            for event in client.events():
                self.events.append(event)
                self.is_subscribed.set()
                if sum(map(has_ended, self.events)) == BOARDS:
                    return

    def moves(self) -> dict[str, tuple[JobState, ...]]:
        """What became of each job."""
        states: dict[str, tuple[JobState, ...]] = {}
        for event in self.events:
            if isinstance(event, JobChanged):
                states[event.job.bridge] = (*states.get(event.job.bridge, ()), event.job.state)
        return states


def has_ended(event: DaemonEvent) -> bool:
    return isinstance(event, JobChanged) and event.job.state in ENDED


def test_eight_boards_at_once_and_sixteen_who_follow(lab: RealLab) -> None:
    images = {name: make_image(2048, text=f"I am {name}", seed=seed) for seed, name in enumerate(NAMES)}
    bridges = lab.sim_bridge("lab", "--count", str(BOARDS))
    lab.daemon()
    for name, port in bridges.ready(BOARDS).ports.items():
        lab.add(name, port)
    watchers = [Watcher(str(lab.socket)) for _ in range(EVENT_FOLLOWERS)]
    for watcher in watchers:
        watcher.start()
    followers = {name: lab.start("logs", "-b", name, "-f", "--json") for name in NAMES}
    assert all(watcher.is_subscribed.wait(60) for watcher in watchers)

    flashes = {
        name: lab.start("flash", "-b", name, "--json", lab.file(f"{name}.bin", image))
        for name, image in images.items()
    }
    for name, flash in flashes.items():
        ended = flash.wait()
        assert ended.code == 0, ended.err
        report = ended.json["report"]
        assert (report["verified"], report["started_evidence"]) == (True, f"I am {name}")
    for watcher in watchers:
        watcher.join(60)
        assert watcher.moves() == dict.fromkeys(NAMES, WHOLE_LIFE)
        assert {event.bridge.name for event in watcher.events if isinstance(event, BridgeEvent)} == set(NAMES)
    for name, follower in followers.items():
        check_log(follower, boot_output(images[name], f"I am {name}", F103_FLASH).decode().splitlines())
    jobs: list[Job] = lab.api.jobs()
    assert sorted(job.bridge for job in jobs) == sorted(NAMES)


def check_log(follower: Process, boot_lines: list[str]) -> None:
    """The follower saw each line, once and in order."""
    follower.wait_for_out(f'"{LAST_BEAT}"')
    follower.signal(signal.SIGINT)
    ended = follower.wait()
    assert (ended.code, ended.err) == (130, "")
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert [record["number"] for record in records] == list(range(len(records)))
    assert [record["lost"] for record in records] == [0] * len(records)
    text = "".join(record["text"] + "\n" * record["complete"] for record in records)
    assert "\n".join([*boot_lines, "up 1 s", "up 2 s", LAST_BEAT, ""]) in text
