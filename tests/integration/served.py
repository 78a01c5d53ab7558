"""The built server as a process, and what tests send it.

The program is the one that `bazel build -c opt //server/main:radio_server` leaves in bazel-bin.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
SERVER = REPOSITORY / "bazel-bin/server/main/radio_server"


def export_demo(folder, version="radio_v2.5-b", seed=0):
    """`folder`, with a tiny model of random weights in it."""
    command = [sys.executable, "-m", "radio_export", "demo", "--version", version, "--seed", str(seed)]
    command += ["--output", str(folder)]
    subprocess.run(command, check=True, cwd=REPOSITORY / "model/export", capture_output=True, text=True)
    return folder


class Server:
    """A running server. models: {name: artefact folder}; the first is the default. extra: more lines of its
    configuration; plaintext unless they hold `tls`.
    """

    def __init__(self, folder, models, extra="", address="127.0.0.1:0", device="cpu"):
        lines = [f'listen_address: "{address}"', 'metrics_address: "127.0.0.1:0"']
        lines += [] if "tls {" in extra else ["insecure: true"]
        lines += [f'models {{ name: "{n}" path: "{p}" device: "{device}" }}' for n, p in models.items()]
        lines += [f'default_model: "{next(iter(models))}"', extra]
        config = folder / "server.textproto"
        config.write_text("\n".join(lines))
        self.errors = folder / "server.log"
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(
                [str(SERVER), f"--config={config}"], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        line = self.process.stdout.readline()
        if '"listening"' not in line:
            self.process.wait()
            raise RuntimeError(f"exit {self.process.returncode}: {self.errors.read_text()[-2000:]}")
        addresses = json.loads(line)
        self.grpc, self.metrics = addresses["grpc"], addresses["metrics"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def resident_mib(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * 4096 / 2**20


def connect(api, server):
    options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    return api.FeatureServiceStub(grpc.insecure_channel(server.grpc, options=options))


def image_of(api, pixels):
    """A radio.v1.Image of uint8 pixels `[H, W, 3]`."""
    tensor = api.Tensor(data_type=api.DATA_TYPE_UINT8, shape=pixels.shape, data=pixels.tobytes())
    return api.Image(tensor=tensor)


def array_of(tensor):
    """A FLOAT32 tensor message as an array."""
    return np.frombuffer(tensor.data, "<f4").reshape(list(tensor.shape))
