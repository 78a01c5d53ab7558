"""The benchmark programs, one after the other; every figure is a ratio taken inside one run.

usage: tools/bench.sh [--quick] [--json FILE]
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

PROGRAMS = [
    "//tests/benchmark:engine_benchmark",
    "//tests/benchmark:preprocess_benchmark",
    "//server/main:radio_server",
    "//client:radio",
]


def main():
    parser = argparse.ArgumentParser(prog="tools/bench.sh", description="Runs the benchmark programs.")
    parser.add_argument("--quick", action="store_true", help="a tiny model and few repeats")
    parser.add_argument("--json", metavar="FILE", help="also write the figures of engine and client to FILE")
    options = parser.parse_args()

    subprocess.run(["bazel", "build", "-c", "opt", *PROGRAMS], check=True)
    size = "tiny" if options.quick else "full"
    model = Path("out/models") / f"radio_v2.5-b-{size}"
    if not model.exists():
        model.parent.mkdir(parents=True, exist_ok=True)
        export = [".venv/bin/radio-export", "demo", "--version", "radio_v2.5-b", "--size", size, "--output", model]
        subprocess.run(export, check=True)

    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "engine.json"
        engine = ["bazel-bin/tests/benchmark/engine_benchmark", f"--artefact={model}", f"--json={figures}"]
        if options.quick:
            engine += ["--repeats=2", "--sizes=5"]
        subprocess.run(engine, check=True)
        subprocess.run(["bazel-bin/tests/benchmark/preprocess_benchmark"], check=True)
        clients = Path(folder) / "python_client.json"
        python = [".venv/bin/python", "tests/benchmark/python_client.py", f"--artefact={model}", f"--json={clients}"]
        if options.quick:
            python += ["--repeats=2", "--seconds=3"]
        subprocess.run(python, check=True)
        if options.json:
            result = {"engine": json.loads(figures.read_text()), "python_client": json.loads(clients.read_text())}
            Path(options.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
