"""The servers that are compared, ours among them: how each is started and how a client calls it."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tritonclient.grpc
import wire
from processes import Program, cpu_seconds

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
PYTHON = REPOSITORY / "out/peers/bin/python"
sys.path.insert(0, str(REPOSITORY / "tests/integration"))
import served  # noqa: E402
import stubs  # noqa: E402
from ports import free_port  # noqa: E402

# Images of a batch at most, as many as there are clients, and how long a peer waits for them.
BATCH, WAIT_MS = 16, 10
START_SECONDS = 120
# Also set by our server for itself; without it the peers do worse on a machine that is not idle.
QUIET = {"OMP_WAIT_POLICY": "PASSIVE"}


class Peer:
    """Another server's program in this folder, with the eager model; `channels` of its features."""

    def __init__(self, script, folder, artefact, channels, arguments=()):
        self.port, self.channels = free_port(), channels
        environment = {"MODEL": artefact / "backbone.pt", "BATCH": BATCH, "WAIT_MS": WAIT_MS, "PORT": self.port}
        environment = {name: str(value) for name, value in environment.items()} | QUIET | self.environment()
        command = [PYTHON, HERE / script, *(argument.format(port=self.port) for argument in arguments)]
        self.program = Program(command, folder / f"{script}.log", environment, stdout=subprocess.DEVNULL)
        self.program.await_port(self.port, START_SECONDS)
        self.cpu_seconds, self.stop = self.program.cpu_seconds, self.program.stop

    def environment(self):
        return {}


class Mosec(Peer):
    def __init__(self, folder, artefact, channels):
        arguments = ["--address", "127.0.0.1", "--port", "{port}", "--timeout", "120000"]
        super().__init__("mosec_server.py", folder, artefact, channels, arguments)

    def client(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

        def extract(pixels):
            connection.request("POST", "/inference", wire.write_image(pixels))
            return wire.read_features(body_of(connection), self.channels)

        return extract


class LitServe(Peer):
    def __init__(self, folder, artefact, channels):
        super().__init__("litserve_server.py", folder, artefact, channels)

    def client(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        # Answers would be gzipped. A raw body is not to be had, so the image is a file of a form.
        headers = {"Content-Type": "multipart/form-data; boundary=radio", "Accept-Encoding": "identity"}
        before = b'--radio\r\nContent-Disposition: form-data; name="image"; filename="i"\r\n\r\n'

        def extract(pixels):
            connection.request("POST", "/predict", before + wire.write_image(pixels) + b"\r\n--radio--\r\n", headers)
            return wire.read_features(body_of(connection), self.channels)

        return extract


class Triton(Peer):
    def __init__(self, folder, artefact, channels):
        super().__init__("triton_server.py", folder, artefact, channels)
        # It listens before it has a model.
        client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.port}")
        end = time.monotonic() + START_SECONDS
        while not is_ready(client):
            if time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"no model: {self.program.log.read_text()[-2000:]}")
            time.sleep(0.2)

    def environment(self):
        # Its Python backend is built against no particular libpython.
        libraries = subprocess.run(
            [PYTHON, "-c", "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = f"{libraries.stdout.strip()}:{os.environ.get('LD_LIBRARY_PATH', '')}"
        return {"LD_LIBRARY_PATH": found, "HTTP_PORT": str(free_port())}

    def client(self):
        client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.port}")

        def extract(pixels):
            image = tritonclient.grpc.InferInput("image", [1, *pixels.shape], "UINT8")
            image.set_data_from_numpy(pixels[None])
            return client.infer("features", [image]).as_numpy("features")[0]

        return extract


class Ours:
    """Through radio.v1, one call per image."""

    def __init__(self, folder, artefact, channels):
        # The peers refuse nobody either.
        patient = "max_queue_delay_ms: 120000 default_deadline_ms: 120000"
        self.server = served.Server(folder, {"model": artefact.resolve()}, "log { level: ERROR } " + patient)
        self.api, self.stop = stubs.load(tempfile.mkdtemp(dir=folder)), self.server.stop

    def cpu_seconds(self):
        return cpu_seconds(self.server.process.pid)

    def client(self):
        stub = served.connect(self.api, self.server)

        def extract(pixels):
            request = self.api.ExtractRequest(images=[served.image_of(self.api, pixels)])
            request.outputs.add(features=True)
            (result,) = stub.Extract(request).results
            if result.status.code:
                raise RuntimeError(result.status.message)
            return served.array_of(result.outputs[0].features)

        return extract


class PlainLoop:
    """No server: its process runs through the images itself."""

    def __init__(self, folder, artefact, images):
        self.folder = folder
        np.savez(folder / "images.npz", *images)
        command = [PYTHON, HERE / "plain_loop.py", artefact / "backbone.pt", folder / "images.npz"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.program = Program(command, folder / "plain_loop.log", QUIET, **pipes)
        self.cpu_seconds, self.stop = self.program.cpu_seconds, self.program.stop
        self.answer()

    def answer(self):
        line = self.program.process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(self.program.log.read_text()[-2000:])
        return json.loads(line)

    def order(self, order):
        self.program.process.stdin.write(json.dumps(order) + "\n")
        self.program.process.stdin.flush()
        return self.answer()

    def features(self, index):
        self.order({"image": index, "save": str(self.folder / "features.npy")})
        return np.load(self.folder / "features.npy")

    def rate(self, seconds):
        """Images per second."""
        done = self.order({"seconds": seconds})
        return done["images"] / done["seconds"]


def is_ready(client):
    try:
        return client.is_model_ready("features")
    except tritonclient.grpc.InferenceServerException:
        return False


def body_of(connection):
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {body[:500]}")
    return body
