"""Servers that go and come back, and certificates that change, while callers call."""

import signal
import socket
import ssl
import subprocess
import threading
import time
import warnings

import grpc
from stub import HANG, Stub, total


class Callers:
    """Closed loops of calls on a round-robin channel over all servers.

    Each call is repeated once, after 0.25 s, when it was UNAVAILABLE.
    """

    def __init__(self, api, servers, number=8):
        self._request = api.request(7)
        target = "ipv4:" + ",".join(server.grpc for server in servers)
        self._service = api.service(api.channel(target))
        self._ended = threading.Event()
        self.calls, self.repeated, self.codes, self.failed = 0, 0, set(), []
        self._threads = [threading.Thread(target=self._loop) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def _loop(self):
        while not self._ended.is_set():
            for attempt in range(2):
                try:
                    result = self._service.Extract(self._request, timeout=20).results[0]
                    assert result.status.code == 0, result.status
                    break
                except grpc.RpcError as error:
                    self.codes.add(error.code().name)
                    self.repeated += 1
                    if attempt == 1 or error.code() != grpc.StatusCode.UNAVAILABLE:
                        self.failed.append(f"{error.code().name}: {error.details()}")
                    time.sleep(0.25)
            self.calls += 1

    def stop(self):
        self._ended.set()
        for thread in self._threads:
            thread.join()


def two_servers(folder):
    servers = []
    for name in "ab":
        (folder / name).mkdir()
        servers.append(Stub(folder / name, "max_batch_images: 8\ndrain_timeout_ms: 5000"))
    return servers


def terminated_under_load(folder, api, times=50):
    servers = two_servers(folder)
    callers = Callers(api, servers)
    try:
        codes, slowest = set(), 0
        for k in range(times):
            code, seconds = servers[k % 2].stop()
            codes.add(code)
            slowest = max(slowest, seconds)
            servers[k % 2].start()
            # Callers must have found it again before the other one goes.
            time.sleep(0.5)
        callers.stop()
        measured = f"{len(callers.failed)} of {callers.calls} calls, {callers.repeated} repeated"
        if callers.failed:
            measured += f", first {callers.failed[0][:120]}"
        yield f"failed calls over {times} SIGTERMs, one repetition after 0.25 s allowed", measured, not callers.failed
        yield "exit code 0 within 7 s", f"{sorted(codes)}, at most {slowest:.1f} s", codes == {0} and slowest <= 7
    finally:
        callers.stop()
        for server in servers:
            server.close()


def outlasted_drain(folder, api):
    server = Stub(folder, "drain_timeout_ms: 500")
    try:
        service = api.service(api.channel(server.grpc))
        call = service.Extract.future(api.request(HANG), timeout=60)
        while not total(server.scrape(), "radio_inflight_items"):
            time.sleep(0.05)
        code, seconds = server.stop()
        answer = call.exception().code().name
        measured = f"exit {code} after {seconds:.1f} s, the call {answer}"
        held = code == 73 and seconds <= 2.5 and answer == "UNAVAILABLE"
        yield (
            "a call that outlasts a drain of 0.5 s is cut off, and the process ends with 73 within 2.5 s",
            measured,
            held,
        )
    finally:
        server.close()


def killed_under_load(folder, api, times=20):
    servers = two_servers(folder)
    callers = Callers(api, servers)
    try:
        slowest = 0
        for k in range(times):
            servers[k % 2].stop(signal.SIGKILL)
            begun = time.monotonic()
            servers[k % 2].start()
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.5)
        callers.stop()
        yield f"ready again after each of {times} kill -9", f"at most {slowest:.1f} s", slowest <= 5
        codes = ", ".join(sorted(callers.codes)) or "none"
        yield "callers see UNAVAILABLE at most", f"{codes} in {callers.calls} calls", callers.codes <= {"UNAVAILABLE"}
    finally:
        callers.stop()
        for server in servers:
            server.close()


def write_certificate(folder, version):
    """A new pair in a folder of its own; `current` points to it in one step, as Kubernetes does."""
    pair = folder / f"v{version}"
    pair.mkdir()
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split()
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", pair / "tls.key", "-out", pair / "tls.crt"]
    subprocess.run(command, check=True, capture_output=True)
    link = folder / "next"
    link.symlink_to(pair)
    link.rename(folder / "current")
    return (pair / "tls.crt").read_bytes()


def handshake(address, version):
    """OK, or why none came about with this version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # So that it is the server, not this side, that refuses old versions.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5) as plain, context.wrap_socket(plain):
            return "OK"
    except (ssl.SSLError, OSError) as error:
        return getattr(error, "reason", None) or type(error).__name__


def certificates_replaced_under_load(folder, api, times=20):
    known = write_certificate(folder, 0)
    current = folder / "current"
    files = f'certificate_file: "{current}/tls.crt" private_key_file: "{current}/tls.key"'
    server = Stub(folder, f"tls {{ {files} refresh_interval_s: 1 }}")
    ended, counts, failed = threading.Event(), [0], []

    def call():
        """Each on a connection of its own, so that every call is a handshake."""
        target = "localhost:" + server.grpc.split(":")[1]
        while not ended.is_set():
            credentials = grpc.ssl_channel_credentials(known)
            with api.channel(target, credentials) as channel:
                try:
                    api.service(channel).Extract(api.request(7), timeout=10)
                except grpc.RpcError as error:
                    failed.append(f"{error.code().name}: {error.details()[:120]}")
            counts[0] += 1

    threads = [threading.Thread(target=call) for _ in range(2)]
    try:
        old, new = (handshake(server.grpc, v) for v in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2))
        yield "TLS 1.1 is refused, TLS 1.2 is not", f"{old}; {new}", old != "OK" and new == "OK"
        for thread in threads:
            thread.start()
        for version in range(1, times + 1):
            # Callers trust both, as they would during a rotation.
            known = write_certificate(folder, version) + known[:2000]
            time.sleep(1.5)
        ended.set()
        for thread in threads:
            thread.join()
        measured = f"{len(failed)} of {counts[0]} calls" + (f", first {failed[0]}" if failed else "")
        yield f"failed calls while the certificate changes {times} times", measured, not failed and counts[0] > times
    finally:
        ended.set()
        server.close()
