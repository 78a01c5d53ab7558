"""The comparison's own logic; what it compares is not started here."""

import subprocess

import numpy as np
import peers
import pytest
import wire
from eager import same_shape
from processes import Program, cpu_seconds


def image(height, width):
    return np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)


def test_images_of_one_shape_become_one_batch_in_order_of_arrival():
    assert same_shape([image(2, 3), image(3, 2), image(2, 3), image(2, 2), image(3, 2)]) == [[0, 2], [1, 4], [3]]


def test_an_image_survives_the_wire():
    np.testing.assert_array_equal(wire.read_image(wire.write_image(image(5, 7))), image(5, 7))


def test_one_wrong_token_is_noticed():
    ours = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    assert peers.least_cosine(ours, ours * 2) > peers.LEAST_COSINE
    swapped = ours[[1, 0, *range(2, 50)]]
    assert peers.least_cosine(ours, swapped) < peers.LEAST_COSINE
    with pytest.raises(RuntimeError, match="features"):
        peers.least_cosine(ours, ours[1:])


def test_ratios_are_taken_within_a_round():
    # The machine was four times as slow in the second round and twice in the third.
    rounds = [{"ours": 8, "a": 4, "b": 6}, {"ours": 2, "a": 1, "b": 2}, {"ours": 4, "a": 2, "b": 2}]
    assert peers.compare(rounds) == {"a": 2, "b": 8 / 6}
    # A peer that finished nothing in one of three.
    rounds[2]["a"] = 0
    assert peers.compare(rounds)["a"] == 2


def test_a_client_that_fails_fails_the_measurement():
    class Broken:
        def client(self):
            def extract(pixels):
                raise ValueError("no answer")

            return extract

    with pytest.raises(ValueError, match="no answer"):
        peers.rate(Broken(), [image(1, 1)], seconds=10)


def test_nothing_of_a_stopped_program_is_left(tmp_path):
    script = "trap '' INT TERM; sleep 1000 & echo $!; while :; do :; done"
    program = Program(["bash", "-c", script], tmp_path / "log", stdout=subprocess.PIPE, text=True)
    child = int(program.process.stdout.readline())
    while not cpu_seconds(program.process.pid) > 0:
        assert child in program.pids()
    assert program.cpu_seconds() > 0
    program.stop(patience=0.1)
    assert program.pids() == []
