"""The service around the engine: what it adds to a forward pass, and what it manages without one."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path += [str(REPOSITORY / "tests" / folder) for folder in ("integration", "load")]
from served import Server  # noqa: E402
from stub import Stub, begin_bench, bench, end_bench, scrape, total  # noqa: E402

# Those of engine_benchmark's packed mix.
MIX = ["224x224", "224x336", "336x224", "432x432", "512x384"]
# What a batch takes in the engine that latency is measured without.
STUB_MS = 20


def checked(report):
    """A report of `radio bench`, after a word about what failed."""
    if report["failed"]:
        print(f"  radio bench: failed images: {report['failed']}")
    return report


def report_of(server, sizes, **options):
    """The report of `radio bench`; `options` as on its command line, True for a switch."""
    words = [word for name, value in options.items() for word in (f"--{name}", value) if word is not True]
    return checked(bench(server, *words, sizes=sizes))


def next_end_of_a_batch(server, load):
    """(when, seconds in the engine so far): as a batch has just ended, while `load` is on the server."""

    def batches():
        series = scrape(server.metrics)
        return (total(series, f"radio_batch_duration_seconds_{name}") for name in ("count", "sum"))

    before, _ = batches()
    while load.poll() is None:
        count, seconds = batches()
        if count > before:
            return time.monotonic(), seconds
        time.sleep(0.01)
    raise RuntimeError(f"radio bench ended between two batches: {load.stderr.read()}")


@contextlib.contextmanager
def running(folder, artefact, device="cpu"):
    """A server of the model."""
    server = Server(folder, {"model": artefact.resolve()}, "log { level: ERROR }", device=device)
    try:
        yield server
    finally:
        server.stop()


def around_the_engine(folder, artefact, seconds):
    """{name: value}. What the service reaches of the engine's rate is the share of the time that the engine computes:
    so both are of the same seconds of a machine that is not always as fast."""
    options = ("--concurrency", 16, "--features", "--duration", 2 * seconds, "--warmup", seconds / 4)
    with running(folder, artefact) as server:
        load = begin_bench(server.grpc, *options, sizes=MIX)
        # The first batch warms up.
        next_end_of_a_batch(server, load)
        first, computed_before = next_end_of_a_batch(server, load)
        time.sleep(seconds)
        last, computed = next_end_of_a_batch(server, load)
        report = checked(end_bench(load))
    return {
        "service_images_per_second": report["images_per_second"],
        "service_over_engine": (computed - computed_before) / (last - first),
    }


def rate(folder, artefact, device, sizes, clients, seconds):
    """Images per second, of so many clients that each wait for their answer."""
    options = {"concurrency": clients, "duration": seconds, "warmup": seconds / 4, "features": True}
    with running(folder, artefact, device) as server:
        return report_of(server, sizes, **options)["images_per_second"]


def idle_latency(folder, seconds):
    """Milliseconds of a small image beyond what the engine takes, on a server that does nothing else."""
    server = Stub(folder, arguments=[f"--batch_time_ms={STUB_MS}"])
    try:
        latency = bench(server, "--concurrency", 1, "--features", "--duration", seconds, sizes=["224x224"])[
            "latency_ms"
        ]
    finally:
        server.close()
    return {f"idle_{rank}_over_engine_ms": latency[rank] - STUB_MS for rank in ("p50", "p99")}


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
