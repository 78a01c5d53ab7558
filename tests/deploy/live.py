"""A real server, a real Prometheus that scrapes it, and a load that does a little of everything."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import grpc
import pytest
import yaml
from metric_table import REPOSITORY
from programs import tool
from rule_file import PROMETHEUS

sys.path.insert(0, str(REPOSITORY / "tests/integration"))
from served import SERVER, Server, export_demo  # noqa: E402

DEMO = REPOSITORY / "out/models/radio_v2.1-demo"
# Small enough for the load to run into it.
LIMITS = """
intra_op_threads: 1
preprocess_threads: 1
max_inflight_items: 8
max_images_per_request: 8
"""


def demo_model(folder):
    """A small model: the quickstart's, or one exported to `folder`."""
    if (DEMO / "manifest.textproto").exists():
        return DEMO
    try:
        return export_demo(folder / "demo", "radio_v2.1")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no demo model: {error.stderr.strip()[-200:]}")


def start_server(folder, extra=LIMITS):
    if not SERVER.exists():
        pytest.skip("no bazel-bin/server/main/radio_server (bazel build -c opt //server/main:radio_server)")
    return Server(folder, {"demo": demo_model(folder)}, extra)


def scrape(server):
    """Text of /metrics."""
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=10) as answer:
        return answer.read().decode()


class Prometheus:
    """Scrapes servers once a second and evaluates the project's rules as often."""

    def __init__(self, folder, servers):
        program = tool("prometheus", "Debian package prometheus")
        config = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text())
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [s.metrics for s in servers]
        rules = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"
        (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        command = [
            program,
            f"--config.file={folder}/prometheus.yaml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={self.address}",
            "--log.level=warn",
        ]
        self.log = folder / "prometheus.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def query(self, expression, at=None):
        """[(labels, value)] of an instant query; values that are not numbers are left out."""
        return [
            (sample["metric"], float(sample["value"][1]))
            for sample in self._get("query", query=expression, **({"time": at} if at else {}))
            if sample["value"][1] != "NaN"
        ]

    def query_range(self, expression, start, end, step):
        """[(labels, [(time, value)])]."""
        answer = self._get("query_range", query=expression, start=start, end=end, step=step)
        return [(s["metric"], [(t, float(v)) for t, v in s["values"] if v != "NaN"]) for s in answer]

    def _get(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # Still starting.
                return []
            raise ValueError(f"{parameters['query']}: {error.read().decode()}") from error
        except urllib.error.URLError:
            assert self.process.poll() is None, self.log.read_text()
            return []

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0


class Load:
    """Calls of every kind until stopped: answered, refused, cancelled, expired, invalid, streamed."""

    def __init__(self, api, address):
        self.api = api
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        self.channel = grpc.insecure_channel(address, options=options)
        self.stub = api.FeatureServiceStub(self.channel)
        self.ended = threading.Event()
        self.rounds = 0
        self.pause = 0.0  # Seconds between rounds.
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.ended.set()
        self.thread.join(30)
        self.channel.close()

    def _request(self, images=1, side=64, **fields):
        pixels = bytes(side * side * 3)
        tensor = self.api.Tensor(data_type=self.api.DATA_TYPE_UINT8, shape=[side, side, 3], data=pixels)
        return self.api.ExtractRequest(images=[self.api.Image(tensor=tensor)] * images, **fields)

    def _run(self):
        while not self.ended.is_set():
            self._round()
            self.rounds += 1
            self.ended.wait(self.pause)

    def _round(self):
        photo = (REPOSITORY / "examples/images/cat.jpg").read_bytes()
        nearest = self.api.Preprocessing(resize=self.api.RESIZE_MODE_NEAREST_SUPPORTED)
        calls = [self._request(images=4, side=side) for side in (64, 128, 192)]
        calls.append(self.api.ExtractRequest(images=[self.api.Image(encoded=photo)], preprocessing=nearest))
        calls.append(
            self.api.ExtractRequest(images=[self.api.Image(encoded=b"no image"), self.api.Image(encoded=photo[:9000])])
        )
        calls += [self._request(model="nonesuch"), self._request(side=63), self._request(images=9)]
        for call in calls:
            self._end(self.stub.Extract.future(call, timeout=10))
        # More at once than the server takes: some are refused.
        for future in [self.stub.Extract.future(self._request(images=4, side=128), timeout=10) for _ in range(6)]:
            self._end(future)
        self._end(self.stub.Extract.future(self._request(images=8, side=192), timeout=0.002))
        gone = self.stub.Extract.future(self._request(images=8, side=192), timeout=10)
        time.sleep(0.01)
        gone.cancel()
        self._stream()
        self.stub.ListModels(self.api.ListModelsRequest(), timeout=10)
        self.stub.GetModel(self.api.GetModelRequest(model="demo"), timeout=10)

    def _stream(self):
        image = self._request().images[0]
        requests = (self.api.ExtractStreamRequest(id=str(i), image=image) for i in range(3))
        for _ in self.stub.ExtractStream(requests, timeout=10):
            pass

    def _end(self, future):
        try:
            future.result()
        except grpc.RpcError:
            pass


def wait_until(condition, seconds):
    """Polls; True as soon as `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
