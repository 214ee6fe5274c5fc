"""Doctor, trace, explain, expectation and rollback with real processes: client, daemon, bridges, boards."""

from pathlib import Path

from real_lab import RealLab
from sample_images import make_image
from stmota_protocol.trace import Exchange, read_trace


def test_a_board_is_examined_traced_explained_and_rolled_back(lab: RealLab) -> None:
    talking = lab.file("talking.bin", make_image(1024, text="good 1.0", heartbeat_ms=200))
    bad = lab.file("bad.bin", make_image(1024, text="panic", seed=1))
    right = lab.sim_bridge("right", "--flash", talking)
    wrong = lab.sim_bridge("wrong", "--flash", talking, "--fault", "tx-unwired")
    lab.daemon()
    lab.add("right", right.ready().port)
    lab.add("wrong", wrong.ready().port)
    faulty = lab.start("doctor", "-b", "wrong", "--json", "-q")

    examined = lab.stmota("doctor", "-b", "right")
    assert (examined.code, examined.out) == (0, "right: the wiring is right\n")
    ended = faulty.wait()
    assert (ended.code, ended.json["suspects"]) == (1, ["TX"])

    trace = talking.replace("talking.bin", "flash.trace")
    assert lab.stmota("flash", "-b", "right", talking, "--full", "--trace", trace).code == 0
    with Path(trace).open("rb") as file:
        exchanges = [record for record in read_trace(file) if isinstance(record, Exchange)]
    explained = lab.stmota("explain", trace)
    assert explained.code == 0
    for exchange in exchanges:
        assert exchange.text in explained.out
    assert "WRITE MEMORY 0x08000000, 256 bytes → ACK after " in explained.out

    undone = lab.stmota("flash", "-b", "right", bad, "--expect", "^good", "--within", "3", "--rollback")
    assert undone.code == 1
    assert "the board did not say '^good' within 3 s" in undone.err
    assert "; the image before (talking.bin) is back, verified and started" in undone.err
