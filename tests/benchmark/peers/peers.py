"""Images per second of other inference servers and of this one: same model, same machine, same stream of five sizes.

A plain PyTorch loop, mosec and LitServe with a handler that makes a batch of each size, and Triton (through
nvidia-pytriton) with its own batcher. All run at the same time and are put under load in turns, so that whatever else
the machine does meets all of them; answers are compared with ours first.

usage: peers.py --artefact FOLDER [--rounds N] [--seconds S] [--json FILE]
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from contestants import BATCH, PYTHON, REPOSITORY, LitServe, Mosec, Ours, PlainLoop, Triton

# Those of engine_benchmark's packed mix.
SIZES = [(224, 224), (224, 336), (336, 224), (432, 432), (512, 384)]
TARGET = 1.3
# bfloat16 against bfloat16, or float32 against bfloat16 on a machine without units for it.
LEAST_COSINE = 0.999


def install():
    """The peers in out/peers, torch and the exporter from .venv."""
    requirements = REPOSITORY / "tools/requirements-peers.txt"
    stamp = REPOSITORY / "out/peers/stamp"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return
    print("installing mosec, LitServe and Triton into out/peers (about 400 MB)")
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", REPOSITORY / "out/peers"], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "-q", "-r", requirements], check=True)
    (packages,) = (REPOSITORY / "out/peers/lib").glob("python3.*/site-packages")
    (own,) = (REPOSITORY / ".venv/lib").glob("python3.*/site-packages")
    (packages / "project.pth").write_text(f"import site; site.addsitedir({str(own)!r})\n")
    stamp.write_text(requirements.read_text())


def rate(contestant, images, seconds):
    """Images per second that `BATCH` clients get, each with one image under way; the first fifth does not count."""
    begin = time.monotonic() + seconds / 5
    end = begin + seconds
    counts, errors = [0] * BATCH, []

    def call(number):
        try:
            extract = contestant.client()
            turn = number
            while time.monotonic() < end:
                extract(images[turn % len(images)])
                counts[number] += begin <= time.monotonic() < end
                turn += 1
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(BATCH)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(counts) / seconds


def least_cosine(ours, theirs):
    """Over the tokens of an image."""
    if ours.shape != theirs.shape:
        raise RuntimeError(f"features {theirs.shape}, ours {ours.shape}")
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((ours * theirs).sum(1) / norms).min())


def compare(rounds):
    """{name: median of ours over theirs} of rounds {name: figure}: each ratio is of one round."""
    names = [name for name in rounds[0] if name != "ours"]
    return {name: statistics.median(over(entry["ours"], entry[name]) for entry in rounds) for name in names}


def over(ours, theirs):
    """Infinite where a busy machine let a peer finish no image in the time."""
    return ours / theirs if theirs else float("inf")


def start(stack, folder, artefact, images):
    """{name: contestant}, each stopped by `stack`. A peer that does not start is left out, with a word."""
    ours = Ours(folder, artefact, None)
    stack.callback(ours.stop)
    channels = ours.client()(images[0]).shape[1]
    makers = {
        "plain loop": lambda: PlainLoop(folder, artefact, images),
        "mosec": lambda: Mosec(folder, artefact, channels),
        "LitServe": lambda: LitServe(folder, artefact, channels),
        "Triton": lambda: Triton(folder, artefact, channels),
    }
    contestants = {"ours": ours}
    for name, make in makers.items():
        try:
            contestants[name] = make()
        except RuntimeError as error:
            print(f"  {name} does not start here: {error}")
            continue
        stack.callback(contestants[name].stop)
    return contestants


def check(contestants, images):
    """Everybody computes the same."""
    expected = [contestants["ours"].client()(image) for image in images]
    for name, contestant in contestants.items():
        if name == "ours":
            continue
        extract = None if name == "plain loop" else contestant.client()
        answers = [extract(image) if extract else contestant.features(i) for i, image in enumerate(images)]
        cosine = min(map(least_cosine, expected, answers))
        print(f"  {name:10} least cosine of a token to ours {cosine:.6f}")
        if not cosine >= LEAST_COSINE:
            raise RuntimeError(f"{name} computes something else")


def measure(contestants, images, rounds, seconds):
    """Rounds {name: (images per second, images per second of processor time)}."""
    entries = []
    for number in range(rounds):
        entry = {}
        for name, contestant in contestants.items():
            cpu, begun = contestant.cpu_seconds(), time.monotonic()
            images_per_second = contestant.rate(seconds) if name == "plain loop" else rate(contestant, images, seconds)
            cores = (contestant.cpu_seconds() - cpu) / (time.monotonic() - begun)
            entry[name] = (images_per_second, over(images_per_second, cores))
            print(
                f"  round {number + 1}  {name:10} {images_per_second:7.2f} images/s  on {cores:.2f} cores"
                f"  load {os.getloadavg()[0]:.1f}"
            )
        entries.append(entry)
    return entries


def main():
    parser = argparse.ArgumentParser(prog="peers.py", description=__doc__.splitlines()[0])
    parser.add_argument("--artefact", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # What was started is stopped then too: it is in sessions of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    install()
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (*size, 3), np.uint8) for size in SIZES]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        contestants = start(stack, Path(name), options.artefact.resolve(), images)
        check(contestants, images)
        rounds = measure(contestants, images, options.rounds, options.seconds)
    ratios, by_cpu = (
        compare([{name: figures[i] for name, figures in entry.items()} for entry in rounds]) for i in (0, 1)
    )
    for name, ratio in ratios.items():
        print(f"  ours over {name:10} {ratio:.2f}, per second of processor time {by_cpu[name]:.2f}")
    print(f"  ours over the best of them {min(ratios.values()):.2f} (target {TARGET} or more)")
    if options.json:
        figures = {"ratios": ratios, "ratios_by_processor_time": by_cpu, "rounds": rounds}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
