"""The service around the engine: what it adds to a forward pass, and what it manages without one."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / "tests" / folder) for folder in ("integration", "load")]
from served import Server  # noqa: E402
from stub import bench  # noqa: E402

# Those of engine_benchmark's packed mix.
MIX = ["224x224", "224x336", "336x224", "432x432", "512x384"]


def report_of(server, sizes, **options):
    """The report of `radio bench`; `options` as on its command line, True for a switch."""
    words = [word for name, value in options.items() for word in (f"--{name}", value) if word is not True]
    report = bench(server, *words, sizes=sizes)
    if report["failed"]:
        print(f"  radio bench: failed images: {report['failed']}")
    return report


@contextlib.contextmanager
def running(folder, artefact):
    """A server of the model."""
    server = Server(folder, {"model": artefact.resolve()}, "log { level: ERROR }")
    try:
        yield server
    finally:
        server.stop()


def around_the_engine(folder, artefact, engine, seconds):
    """{name: value}; `engine` holds engine_benchmark's figures of the same model, taken just before."""
    with running(folder, artefact) as server:
        saturated = report_of(server, MIX, concurrency=16, features=True, duration=seconds, warmup=seconds / 4)
        alone = report_of(server, ["224x224"], concurrency=1, features=True, duration=seconds / 2)["latency_ms"]
    return {
        "service_images_per_second": saturated["images_per_second"],
        "service_over_engine": saturated["images_per_second"] / engine["packed_images_per_second"],
        "idle_p50_over_engine_ms": alone["p50"] - engine["one_image_224_ms"],
        "idle_p99_over_engine_ms": alone["p99"] - engine["one_image_224_ms"],
    }


def line_of(program, *arguments):
    """What a benchmark prints, as a dictionary."""
    command = [REPOSITORY / "bazel-bin/tests/benchmark" / program, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def without_a_model(seconds):
    """An engine that takes no time: scheduler, front end and a client share the machine."""
    figures = {}
    for mode in ("calls", "eights", "stream"):
        report = line_of("front_end", mode, seconds)
        figures[f"front_end_{mode}_images_per_second"] = report["images_per_s"]
        figures[f"front_end_{mode}_server_cpu_us"] = report["server_cpu_us_per_image"]
    response = line_of("response_path", 5, seconds)
    return figures | {
        "response_gb_per_second": response["gb_per_s"],
        "response_server_cpu_ms": response["server_cpu_ms_per_answer"],
    }
