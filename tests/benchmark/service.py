"""The service around the engine: what it adds to a forward pass, and what it manages without one."""

import json
import subprocess

from servers import REPOSITORY, STUB_SERVER, bench, server

# Those of engine_benchmark's packed mix.
MIX = ["224x224", "224x336", "336x224", "432x432", "512x384"]
RESPONSE_PATH = REPOSITORY / "bazel-bin/tests/benchmark/response_path"


def around_the_engine(folder, artefact, engine, seconds):
    """{name: value}; `engine` holds engine_benchmark's figures of the same model, taken just before."""
    with server(folder, artefact.resolve()) as address:
        saturated = bench(address, MIX, concurrency=16, features=True, duration=seconds, warmup=seconds / 4)
        alone = bench(address, ["224x224"], concurrency=1, features=True, duration=seconds / 2)["latency_ms"]
    return {
        "service_images_per_second": saturated["images_per_second"],
        "service_over_engine": saturated["images_per_second"] / engine["packed_images_per_second"],
        "idle_p50_over_engine_ms": alone["p50"] - engine["one_image_224_ms"],
        "idle_p99_over_engine_ms": alone["p99"] - engine["one_image_224_ms"],
    }


def without_a_model(folder, seconds):
    """An engine that takes no time: scheduler, front end and load generator share the machine."""
    model = folder / "stub"
    subprocess.run([STUB_SERVER, f"--write_model={model}"], check=True)
    with server(folder, model, STUB_SERVER, flags=["--batch_time=0"]) as address:
        report = bench(address, ["16x16"], concurrency=64, duration=seconds, warmup=1)
    done = subprocess.run([RESPONSE_PATH, "5", str(seconds)], check=True, capture_output=True, text=True)
    response = json.loads(done.stdout)
    return {
        "front_end_images_per_second": report["images_per_second"],
        "response_gb_per_second": response["gb_per_s"],
        "response_server_cpu_ms": response["server_cpu_ms_per_answer"],
    }
