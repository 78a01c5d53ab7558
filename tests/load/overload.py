"""More requests than the server can answer, and callers that go away."""

import random
import threading
import time

import grpc
from stub import Stub, bench, total

# 8 images each 20 ms: 400 a second.
SETTINGS = "max_batch_images: 8\nmax_queue_delay_ms: 100\ndefault_deadline_ms: 10000"


def overload(folder, api):
    server = Stub(folder, SETTINGS)
    try:
        peak = bench(server, "--concurrency", 48, "--duration", 8)["images_per_second"]
        calm = bench(server, "--rate", 0.8 * peak, "--duration", 8)["latency_ms"]["p99"]
        for factor, least in ((2, 0.95), (5, 0.95), (10, 0.90)):
            report = bench(server, "--rate", factor * peak, "--duration", 8, "--warmup", 1)
            goodput = report["images_per_second"] / peak
            yield f"goodput at {factor} x of {peak:.0f}/s >= {least:.2f}", f"{goodput:.2f}", goodput >= least
            slow = report["latency_ms"]["p99"]
            yield f"accepted p99 at {factor} x <= 2 x {calm:.0f} ms", f"{slow:.0f} ms", slow <= 2 * calm
            refused = report["failure_ms"]["p99"]
            yield f"refusals' p99 at {factor} x <= 10 ms", f"{refused:.1f} ms", refused <= 10
            reasons = set(report["failed"])
            yield "all refusals QUEUE_FULL", ", ".join(sorted(reasons)), reasons == {"QUEUE_FULL"}
        time.sleep(2)
        again = bench(server, "--rate", 0.5 * peak, "--duration", 3, "--warmup", 0)
        bad = sum(again["failed"].values())
        yield "2 s after the load nothing is refused at half of it", f"{bad} of {bad + again['ok']}", bad == 0
    finally:
        server.close()


def cancelled_calls(folder, api, calls=20000):
    """Callers that leave at random moments; the server must not work for them, nor remember them."""
    server = Stub(folder, SETTINGS)
    try:
        rng = random.Random(1)
        service = api.service(api.channel(server.grpc))
        request = api.request(7)
        room = threading.Semaphore(256)
        for _ in range(calls):
            room.acquire()
            future = service.Extract.future(request, timeout=10)
            future.add_done_callback(lambda _: room.release())
            threading.Timer(rng.random() * 0.05, future.cancel).start() if rng.random() < 0.2 else future.cancel()
        begun = time.monotonic()
        gauges = ("radio_inflight_items", "radio_queue_depth")
        while any(total(server.scrape(), gauge) for gauge in gauges) and time.monotonic() < begun + 10:
            time.sleep(0.05)
        yield (
            f"gauges at 0 within 1 s of {calls} cancelled calls",
            f"{time.monotonic() - begun:.2f} s",
            (time.monotonic() - begun < 1),
        )
        try:
            service.Extract(request, timeout=5)
            answer = "OK"
        except grpc.RpcError as error:
            answer = error.code().name
        yield "and the next call is answered", answer, answer == "OK"
    finally:
        server.close()
