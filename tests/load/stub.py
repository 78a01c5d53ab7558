"""Stub servers as processes, and the ways to put load on them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import grpc

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/integration"))
import stubs  # noqa: E402
from ports import free_port  # noqa: E402

# tools/cancel_storm.sh names one that was built with a sanitizer.
SERVER = Path(os.environ.get("STUB_SERVER", REPOSITORY / "bazel-bin/tests/load/stub_server"))
SANITIZED = "STUB_SERVER" in os.environ
RADIO = REPOSITORY / "bazel-bin/client/radio"
# Of the engine: tests/load/suite.py sets it.
overlapping_runs = 1
# First bytes of images that make their batch fail (stub_server.cc).
POISON, HANG, DEVICE_LOST, STAMPED = 250, 251, 252, 253
# One of an image for which there is little memory: its batch may hold two.
LITTLE_MEMORY = 254
# One that makes the engine do what sanitizers report.
BUG = 249


class Stub:
    """A running stub server; `settings` are lines of its configuration. Plaintext unless they hold `tls`.

    wrapper: a command in front of the program's own. arguments: further ones of the program.
    """

    def __init__(self, folder, settings="", address=None, wrapper=(), arguments=()):
        self.folder, self.settings, self.wrapper, self.arguments = folder, settings, wrapper, arguments
        self.grpc = address or f"127.0.0.1:{free_port()}"
        self.model = folder / "model"
        if not self.model.exists():
            subprocess.run([SERVER, f"--write_model={self.model}"], check=True)
        self.start()

    def start(self):
        config = self.folder / f"{self.grpc.rsplit(':')[-1]}.textproto"
        lines = [f'listen_address: "{self.grpc}"', 'metrics_address: "127.0.0.1:0"', self.settings]
        lines += ["" if "tls" in self.settings else "insecure: true", f'models {{ name: "m" path: "{self.model}" }}']
        config.write_text("\n".join(lines) + "\nlog { level: ERROR }\n")
        with open(config.with_suffix(".log"), "a") as log:
            self.process = subprocess.Popen(
                [
                    *self.wrapper,
                    SERVER,
                    f"--config={config}",
                    f"--overlapping_runs={overlapping_runs}",
                    *self.arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self.process.stdout.readline()
        if '"listening"' not in line:
            raise RuntimeError(config.with_suffix(".log").read_text()[-2000:])
        self.metrics_address = json.loads(line)["metrics"]

    def stop(self, number=signal.SIGTERM):
        """(exit code, seconds until it ended)."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(120), time.monotonic() - begun

    def close(self):
        if self.process.poll() is None:
            self.stop()

    def log(self):
        """What it wrote on standard error."""
        return (self.folder / f"{self.grpc.rsplit(':')[-1]}.log").read_text()

    def scrape(self):
        return scrape(self.metrics_address)

    def resident_mib(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096 / 2**20

    def files(self):
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def threads(self):
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))


def scrape(metrics_address):
    """{series: value} of any server."""
    with urllib.request.urlopen(f"http://{metrics_address}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def total(series, name, **labels):
    """Sum of a family's series that carry `labels`."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(
        value for key, value in series.items() if key.split("{")[0] == name and all(label in key for label in wanted)
    )


def begin_bench(address, *options, sizes=("32x32", "48x32")):
    """`radio bench`, with small images unless told otherwise, in a process of its own."""
    command = [RADIO, "--server", address, "bench", "--sizes", ",".join(sizes), "--json", "-", *map(str, options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end_bench(process):
    """Its report as a dictionary."""
    out, error = process.communicate()
    if process.returncode not in (0, 3):
        raise RuntimeError(error)
    return json.loads(out)


def bench(server, *options, **more):
    return end_bench(begin_bench(server.grpc, *options, **more))


class Api:
    """Messages and stubs of radio.v1."""

    def __init__(self, folder):
        self.messages = stubs.load(folder)

    def channel(self, target, credentials=None):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        options += [("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')]
        options += [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)]
        if credentials:
            return grpc.secure_channel(target, credentials, options)
        return grpc.insecure_channel(target, options)

    def service(self, channel):
        return self.messages.FeatureServiceStub(channel)

    def request(self, *values, side=32):
        """An ExtractRequest with one image for each value of its bytes; `side` of a square, or height and width."""
        height, width = side if isinstance(side, tuple) else (side, side)
        request = self.messages.ExtractRequest()
        for value in values:
            tensor = self.messages.Tensor(data_type=self.messages.DATA_TYPE_UINT8, shape=[height, width, 3])
            tensor.data = bytes([value]) * (height * width * 3)
            request.images.add(tensor=tensor)
        return request
