"""Servers as processes on free ports, and `radio bench` against them."""

import contextlib
import json
import signal
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SERVER = REPOSITORY / "bazel-bin/server/main/radio_server"
STUB_SERVER = REPOSITORY / "bazel-bin/tests/load/stub_server"
RADIO = REPOSITORY / "bazel-bin/client/radio"


@contextlib.contextmanager
def server(folder, artefact, program=SERVER, settings="", flags=()):
    """Address of a server of the model; `settings` are more lines of its configuration."""
    (folder / "server.textproto").write_text(f"""
listen_address: "127.0.0.1:0"
metrics_address: "127.0.0.1:0"
insecure: true
models {{ name: "model" path: "{artefact}" device: "cpu" }}
default_model: "model"
log {{ level: ERROR }}
{settings}
""")
    process = subprocess.Popen(
        [program, f"--config={folder}/server.textproto", *flags], stdout=subprocess.PIPE, text=True
    )
    try:
        yield json.loads(process.stdout.readline())["grpc"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def bench(address, sizes, **options):
    """The report of `radio bench`; `options` as on its command line, True for a switch."""
    command = [RADIO, "--server", address, "bench", "--json", "-", "--sizes", ",".join(sizes)]
    for name, value in options.items():
        command += [f"--{name}"] if value is True else [f"--{name}", value]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise RuntimeError(done.stderr)
    report = json.loads(done.stdout)
    if report["failed"]:
        print(f"  radio bench: failed images: {report['failed']}")
    return report
