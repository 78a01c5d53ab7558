"""The benchmark suite: every figure is a ratio taken inside one run, or stands beside the machine's own ceiling.

usage: tools/bench.sh [--quick] [--device cuda:N] [--json FILE]
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
from pathlib import Path

import service

PROGRAMS = [
    "//tests/benchmark:engine_benchmark",
    "//tests/benchmark:preprocess_benchmark",
    "//tests/benchmark:decision_benchmark",
    "//tests/benchmark:front_end",
    "//tests/benchmark:response_path",
    "//server/main:radio_server",
    "//client:radio",
    "//tests/load:stub_server",
]
# What to reach: (at least, at most); None where there is no bound.
TARGETS = {
    "packed_of_ceiling": (0.83, None),
    "linears_of_ceiling": (0.97, None),
    "attention_of_linears": (0.60, None),
    "packed_over_padded": (1.9, None),
    "packed_over_batch_per_size": (1.0, None),
    "unseen_over_repeated": (None, 1.10),
    "bfloat16_of_machine": (0.8, None),
    "service_over_engine": (0.95, None),
    "idle_p50_over_engine_ms": (None, 2),
    "idle_p99_over_engine_ms": (None, 5),
    **{f"front_end_{mode}_images_per_second": (20000, None) for mode in ("calls", "eights", "stream")},
    "response_gb_per_second": (1.5, None),
    "response_server_cpu_ms": (None, 2),
    "encode_over_bench": (0.9, None),
    "ours_over_best_peer": (1.3, None),
    **{f"decision_{case}_us": (None, 5) for case in ("16_sizes", "with_deadlines", "1000_clients", "16_apart")},
    **{f"jpeg_{size}_over_library": (0.9, None) for size in ("600x800", "1080x1920", "3000x4000")},
}
DEVICE_PROGRAMS = ["//tests/benchmark:device_benchmark", "//server/main:radio_server", "//client:radio"]
# Of a ViT-H/16 in bfloat16; images per second are those of an H200 or H100.
DEVICE_SQUARES = {224: 1750, 432: 440, 512: 295, 768: 105, 1024: 46}
DEVICE_TARGETS = {
    **{f"square_{side}_images_per_second": (least, None) for side, least in DEVICE_SQUARES.items()},
    "mix_of_squares": (0.95, None),
    "device_idle_share": (None, 0.02),
    "packed_over_batch_per_size": (2, None),
    "one_image_224_p50_ms": (None, 6),
    "unseen_over_repeated": (None, 1.05),
    "memory_growth": (None, 1.02),
    "service_over_engine": (0.95, None),
}


def engine(folder, artefact, quick):
    figures = folder / "engine.json"
    command = ["bazel-bin/tests/benchmark/engine_benchmark", f"--artefact={artefact}", f"--json={figures}"]
    subprocess.run(command + (["--repeats=2", "--sizes=5"] if quick else ["--soak=200"]), check=True)
    return json.loads(figures.read_text())


def on_device(folder, device, artefact, quick):
    """The engine and the service on a device other than the processor; on that, only to see that it runs."""
    figures = folder / "device.json"
    command = ["bazel-bin/tests/benchmark/device_benchmark", f"--artefact={artefact}", f"--device={device}"]
    small = ["--seconds=0.2", "--batch_cost=2048"] if quick else []
    subprocess.run([*command, f"--json={figures}", *small], check=True)
    result = json.loads(figures.read_text())
    # Two batches under way, and one that waits.
    clients = max(16, 3 * int(result["mix_batch_images"]))
    sizes = [f"{side}x{side}" for side in DEVICE_SQUARES]
    rate = service.rate(folder, artefact, device, sizes, clients, 3 if quick else 20)
    return result | {
        "service_images_per_second": rate,
        "service_over_engine": rate / result["mix_images_per_second"],
    }


def python_client(folder, artefact, quick):
    figures = folder / "python_client.json"
    command = [".venv/bin/python", "tests/benchmark/python_client.py", f"--artefact={artefact}", f"--json={figures}"]
    subprocess.run(command + (["--repeats=2", "--seconds=3"] if quick else []), check=True)
    return {"encode_over_bench": json.loads(figures.read_text())["ratio"]}


def peers(folder, artefact):
    """Images per second over those of other servers; nothing where these cannot be installed or run."""
    figures = folder / "peers.json"
    command = [".venv/bin/python", "tests/benchmark/peers/peers.py", f"--artefact={artefact}", f"--json={figures}"]
    if subprocess.run(command).returncode != 0:
        print("  peers: not measured")
        return {}
    ratios = json.loads(figures.read_text())["ratios"]
    named = {f"ours_over_{name.lower().replace(' ', '_')}": ratio for name, ratio in ratios.items()}
    return named | {"ours_over_best_peer": min(ratios.values())}


def cases_of(program):
    """What a benchmark prints: a line of JSON for each case."""
    done = subprocess.run([f"bazel-bin/tests/benchmark/{program}"], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def decisions():
    """Median microseconds of a batch's choice among 1,000 images."""
    return {f"decision_{case['case']}_us": case["p50_us"] for case in cases_of("decision_benchmark")}


def preprocess():
    """Rate of decoding and resizing over libjpeg-turbo's own of decoding alone, per size of the JPEG."""
    cases = cases_of("preprocess_benchmark")
    return {f"jpeg_{case['height']}x{case['width']}_over_library": case["ratio"] for case in cases}


def graphics_cards():
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        return subprocess.run(query, check=True, capture_output=True, text=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []


def machine():
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {
        "processor": model.split(":")[1].strip(),
        "cores": os.cpu_count(),
        "graphics_cards": graphics_cards(),
        "system": platform.platform(),
        "commit": commit,
        "load_before": os.getloadavg()[0],
    }


def demo(precision, size, version="radio_v2.5-b"):
    folder = Path("out/models") / f"{version}-{size}-{precision}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        command = [".venv/bin/radio-export", "demo", "--version", version, "--size", size]
        subprocess.run([*command, "--precision", precision, "--output", folder], check=True)
    return folder


def verdict(bounds, value):
    least, most = bounds
    if least is not None:
        return f"at least {least:g}: " + ("reached" if value >= least else "MISSED")
    if most is not None:
        return f"at most {most:g}: " + ("reached" if value <= most else "MISSED")
    return ""


def measure(folder, size, seconds, quick):
    """{part: {name: value}} of all that runs on the processor."""
    result = {}
    for precision in ("float32", "bfloat16"):
        model = demo(precision, size)
        result[precision] = engine(folder, model, quick) | service.around_the_engine(folder, model, seconds)
    (fast, fast_ceiling), (slow, slow_ceiling) = (
        (result[precision]["packed_images_per_second"], result[precision]["ceiling_gflops"])
        for precision in ("bfloat16", "float32")
    )
    result["bfloat16"]["bfloat16_of_machine"] = (fast / slow) / (fast_ceiling / slow_ceiling)
    result["front end"] = service.without_a_model(seconds / 2) | service.idle_latency(folder, seconds / 2)
    result["batch decision"] = decisions()
    result["preprocess"] = preprocess()
    result["python client"] = python_client(folder, model, quick)
    # They take minutes to install: not a matter of whether the suite runs.
    if not quick:
        result["peers"] = peers(folder, model)
    return result


def main():
    parser = argparse.ArgumentParser(prog="tools/bench.sh", description="Runs the benchmark programs.")
    parser.add_argument("--quick", action="store_true", help="a tiny model, few repeats, no peers: does it run")
    parser.add_argument("--device", metavar="cuda:N", help="what is measured on that device, instead of the processor")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write all figures to FILE")
    options = parser.parse_args()

    programs = DEVICE_PROGRAMS if options.device else PROGRAMS
    subprocess.run(["bazel", "build", "-c", "opt", *programs], check=True)
    size, seconds = ("tiny", 3) if options.quick else ("full", 20)
    result = {"machine": machine()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.device:
            model = demo("bfloat16", size, "radio_v2.5-h")
            result[options.device] = on_device(folder, options.device, model, options.quick)
        else:
            result |= measure(folder, size, seconds, options.quick)

    print(f"\n{result['machine']}")
    for part, figures in result.items():
        if part == "machine":
            continue
        targets = DEVICE_TARGETS if part == options.device else TARGETS
        for name, value in figures.items():
            print(f"{part:14} {name:32} {value:12.3f}  {verdict(targets.get(name, (None, None)), value)}")
        for name in sorted(DEVICE_TARGETS.keys() - figures.keys() if targets is DEVICE_TARGETS else ()):
            print(f"{part:14} {name:32} not measured")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
