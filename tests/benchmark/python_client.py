"""How much of what `radio bench` gets out of a server the Python client's `encode` gets, in one run.

A folder of PNG files of mixed sizes is encoded over and over; the C++ load generator sends images of the same sizes,
kind and number in flight to the same server. The two take turns, and the figure is the median of their ratios. Server
and client share the machine: on few cores the ratio holds what the client's own work takes from the server.

usage: python_client.py --artefact FOLDER [--repeats N] [--seconds S] [--in-flight N] [--json FILE]
"""

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from radio_client import Client
from service import report_of, running

SIZES = ["224x224", "336x336", "432x432", "320x256", "256x480"]
FILES = 60


def write_images(folder):
    """Waves with some noise, as `radio bench --format png` sends."""
    generator = np.random.default_rng(0)
    folder.mkdir()
    for number, size in zip(range(FILES), itertools.cycle(SIZES)):  # noqa: B905
        height, width = map(int, size.split("x"))
        y, x, c = np.ogrid[:height, :width, :3]
        frequency, phase = generator.uniform(0.01, 0.06), generator.uniform(0, 6)
        wave = np.sin(frequency * (x * (c + 1) + y * (3 - c)) + phase)
        pixels = 120 + 100 * wave + generator.uniform(0, 30, wave.shape)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:03}.png")


def encode(address, folder, in_flight, seconds):
    """(images per second, CPU seconds per second) of this process' `encode`."""
    files = itertools.cycle(sorted(folder.iterdir()))
    with Client(address) as client:
        results = client.encode(files, in_flight=in_flight, progress=False)
        end = time.monotonic() + seconds / 4
        while time.monotonic() < end:
            next(results)
        count, begun, cpu = 0, time.monotonic(), time.process_time()
        while (now := time.monotonic()) < begun + seconds:
            next(results)
            count += 1
        results.close()
    return count / (now - begun), (time.process_time() - cpu) / (now - begun)


def measure(server, folder, options):
    rounds = []
    for _ in range(options.repeats):
        load = {"concurrency": options.in_flight, "duration": options.seconds, "warmup": options.seconds / 4}
        ceiling = report_of(server, SIZES, format="png", **load)["images_per_second"]
        rate, cpu = encode(server.grpc, folder, options.in_flight, options.seconds)
        rounds.append({"bench": ceiling, "encode": rate, "ratio": rate / ceiling, "client_cpu": cpu})
        print(
            f"  radio bench {ceiling:7.1f} images/s   Python encode {rate:7.1f} images/s   ratio {rate / ceiling:.3f}"
            f"   client {cpu:.2f} cores   load {os.getloadavg()[0]:.1f}"
        )
    return rounds


def main():
    parser = argparse.ArgumentParser(prog="python_client.py", description=__doc__.splitlines()[0])
    parser.add_argument("--artefact", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "images")
        with running(folder, options.artefact) as server:
            print(f"Python client against radio bench, {options.in_flight} in flight, PNG of {', '.join(SIZES)}")
            rounds = measure(server, folder / "images", options)
    ratio = statistics.median(entry["ratio"] for entry in rounds)
    print(f"  median ratio {ratio:.3f} (target 0.9 or more)")
    if options.json:
        options.json.write_text(json.dumps({"ratio": ratio, "rounds": rounds}, indent=2) + "\n")


if __name__ == "__main__":
    main()
