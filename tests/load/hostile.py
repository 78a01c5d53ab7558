"""Bad clients (bad_clients.py) beside a good one."""

import io
import threading
import time

import bad_clients
import grpc
from PIL import Image
from stub import Stub, begin_bench, bench, end_bench, total

QUOTA_MIB = 128
SETTINGS = f"""
max_batch_images: 8
transport {{ receive_memory_bytes: {QUOTA_MIB << 20} max_request_bytes: 8388608 handshake_timeout_ms: 2000 }}
"""


class Peak:
    """The most memory that a server takes while this is entered, in MiB over what it had."""

    def __init__(self, server):
        self._server, self._ended = server, threading.Event()
        self._before = server.resident_mib()
        self._thread = threading.Thread(target=self._watch)
        self.rise = 0

    def _watch(self):
        while not self._ended.wait(0.05):
            self.rise = max(self.rise, self._server.resident_mib() - self._before)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()


def answer_to(api, service):
    try:
        return "OK" if not service.Extract(api.request(7), timeout=10).results[0].status.code else "an error"
    except grpc.RpcError as error:
        return error.code().name


def settles(server, files, seconds=20):
    """Seconds until descriptors and work in flight are back where they were; None when they stay."""
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        if server.files() <= files + 8 and not total(server.scrape(), "radio_inflight_items"):
            return time.monotonic() - begun
        time.sleep(0.1)
    return None


def large_request(api):
    """A kilobyte to send, a quarter of a megabyte to answer."""
    picture = io.BytesIO()
    Image.new("RGB", (256, 256)).save(picture, "PNG")
    request = api.messages.ExtractRequest()
    request.images.add(encoded=picture.getvalue())
    for _ in range(32):
        request.outputs.add(features=True)
    return request.SerializeToString()


def good_client(server, seconds):
    return begin_bench(server.grpc, "--concurrency", 2, "--warmup", 0, "--duration", seconds)


def bad_clients_beside_a_good_one(folder, api, seconds=5, scale=1):
    server = Stub(folder, SETTINGS)
    try:
        service = api.service(api.channel(server.grpc))
        answer_to(api, service)
        bench(server, "--concurrency", 16, "--duration", 2)
        files = server.files()
        report = end_bench(good_client(server, 2 * seconds))
        alone = report["latency_ms"]["p99"]
        for name in bad_clients.ATTACKS:
            with Peak(server) as peak:
                good = good_client(server, seconds)
                bad_clients.run(name, server.grpc, seconds, scale, large_request(api))
                report = end_bench(good)
            failed = sum(report["failed"].values())
            share = report["ok"] / max(1, report["ok"] + failed)
            slow = report["latency_ms"]["p99"]
            yield (
                f"{name}: a good client >= 99 %, p99 <= 1.5 x {alone:.0f} ms; memory <= {QUOTA_MIB} + 64 MiB",
                f"{share:.1%}, {slow:.0f} ms; {peak.rise:.0f} MiB",
                share >= 0.99 and slow <= 1.5 * alone and peak.rise <= QUOTA_MIB + 64,
            )
            settled = settles(server, files)
            answer = answer_to(api, service)
            if settled is None or answer != "OK":
                measured = f"{answer}, {server.files() - files} descriptors more"
                yield f"{name}: afterwards all is as before", measured, False
        measured = f"{server.files() - files} descriptors more, {answer_to(api, service)}"
        yield "after all bad clients the server serves as before", measured, server.process.poll() is None
    finally:
        server.close()
