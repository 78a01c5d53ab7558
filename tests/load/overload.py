"""More requests than the server can answer, and callers that go away."""

import contextlib
import random
import threading
import time

import grpc
from ports import free_port
from stub import BUG, SANITIZED, STAMPED, Stub, begin_bench, bench, end_bench, total

# 8 images each 20 ms: 400 a second. An accepted image waits for the queue, the batch that runs and its own.
SETTINGS = "max_batch_images: 8\nmax_queue_delay_ms: 100\ndefault_deadline_ms: 10000"
# Cancelled calls at a time for a server with a sanitizer, which takes milliseconds to receive one.
BURST = 200


def overload(folder, api):
    # A queue that leaves room below the bound on what accepted images may take.
    server = Stub(folder, SETTINGS.replace("max_queue_delay_ms: 100", "max_queue_delay_ms: 60"))
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


def greedy_beside_polite(folder, api):
    """Clients are told apart by address: one comes over IPv4, the other over IPv6."""
    port = free_port()
    server = Stub(folder, SETTINGS, address=f"[::]:{port}")
    greedy, polite = f"127.0.0.1:{port}", f"[::1]:{port}"

    def report_of_polite(rate):
        return end_bench(begin_bench(polite, "--rate", rate, "--duration", 8, "--warmup", 1))

    try:
        peak = end_bench(begin_bench(greedy, "--concurrency", 48, "--duration", 6))["images_per_second"]
        # A client's share is a quarter: one asks for half of its own, the other for ten times as much.
        alone = report_of_polite(peak / 8)["latency_ms"]["p99"]
        crowd = begin_bench(greedy, "--rate", 2.5 * peak, "--duration", 10)
        report = report_of_polite(peak / 8)
        end_bench(crowd)
        share = report["ok"] / (report["ok"] + sum(report["failed"].values()))
        slow = report["latency_ms"]["p99"]
        yield "a polite client beside one that asks for 10 x its share: success >= 99 %", f"{share:.1%}", share >= 0.99
        yield f"and its p99 <= 1.5 x {alone:.0f} ms", f"{slow:.0f} ms", slow <= 1.5 * alone
    finally:
        server.close()


def dead_work(folder, api, calls=100000):
    """Deadlines of 1 to 200 ms and callers that leave: what nobody waits for must not run."""
    server = Stub(folder, SETTINGS.replace("delay_ms: 100", "delay_ms: 10000"))
    try:
        service = api.service(api.channel(server.grpc))
        service.Extract(api.request(7), timeout=10)
        before = server.scrape()
        rng = random.Random(1)
        room = threading.Semaphore(200)

        def call(timeout, stamp):
            request = api.request(STAMPED)
            data = bytearray(request.images[0].tensor.data)
            data[1:9] = int(1000 * (time.time() + stamp)).to_bytes(8, "little")
            request.images[0].tensor.data = bytes(data)
            return service.Extract.future(request, timeout=timeout)

        for _ in range(calls):
            room.acquire()
            timeout = rng.uniform(0.001, 0.2)
            future = call(timeout, timeout)
            future.add_done_callback(lambda _: room.release())
            if rng.random() < 0.3:
                future.cancel()
        while total(server.scrape(), "radio_inflight_items"):
            time.sleep(0.05)
        after = server.scrape()
        late = [int(line.split()[1]) for line in server.log().splitlines() if line.startswith("ran ")]
        # On the way to the server a deadline grows by what sending takes: tens of milliseconds at such a rate. A queue
        # that did not look at deadlines would be up to half a second late.
        bad = sum(ms > 100 for ms in late)
        dropped = total(after, "radio_images_total", outcome="expired") + total(
            after, "radio_images_total", outcome="cancelled"
        )
        yield (
            f"of {calls} requests with 1 to 200 ms left, or cancelled, none runs later than its deadline + 100 ms",
            f"{bad} ran, the worst {max(late, default=0)} ms late; {dropped:.0f} dropped",
            bad == 0 and dropped > 0,
        )
        ran = total(after, "radio_batch_images_sum") - total(before, "radio_batch_images_sum")
        answered = sum(
            total(after, "radio_images_total", outcome=o) - total(before, "radio_images_total", outcome=o)
            for o in ("ok", "failed")
        )
        yield "images in batches = images answered", f"{ran:.0f} = {answered:.0f}", ran == answered
        call(10, -1).result()
        yield "(an image that is late on purpose is seen)", server.log().splitlines()[-1], "ran 1" in server.log()
    finally:
        server.close()


def await_idle(server, patience):
    """Seconds until nothing was in work; `patience` when that did not come about."""
    begun = time.monotonic()
    gauges = ("radio_inflight_items", "radio_queue_depth", "radio_requests_in_flight")
    while time.monotonic() < begun + patience:
        series = server.scrape()
        if not any(total(series, gauge) for gauge in gauges):
            break
        time.sleep(0.05)
    return time.monotonic() - begun


def cancelled_calls(folder, api, calls=100000):
    """Callers that leave at random moments; the server must not work for them, nor remember them."""
    server = Stub(folder, SETTINGS)
    try:
        rng = random.Random(1)
        service = api.service(api.channel(server.grpc))
        request = api.request(7)
        room = threading.Semaphore(256)
        for k in range(calls):
            if SANITIZED and k % BURST == 0:
                await_idle(server, 60)
            room.acquire()
            future = service.Extract.future(request, timeout=10)
            future.add_done_callback(lambda _: room.release())
            threading.Timer(rng.random() * 0.05, future.cancel).start() if rng.random() < 0.2 else future.cancel()
        begun = time.monotonic()
        # On the same connection as the cancelled calls, so that all of them have arrived when it is answered: gauges
        # that are at 0 before say nothing.
        service.ListModels(api.messages.ListModelsRequest(), timeout=60)
        await_idle(server, 10)
        seconds = time.monotonic() - begun
        yield f"gauges at 0 within 1 s of {calls} cancelled calls", f"{seconds:.2f} s", seconds < 1
        try:
            service.Extract(request, timeout=5)
            answer = "OK"
        except grpc.RpcError as error:
            answer = error.code().name
        yield "and the next call is answered", answer, answer == "OK"
        if SANITIZED:
            found = reports(server)
            yield "and the sanitizer reports nothing", f"{found} reports", found == 0
            # One may end the server.
            with contextlib.suppress(grpc.RpcError):
                service.Extract(api.request(BUG), timeout=10)
            yield "(a race and a read past the end are seen)", f"{reports(server)} reports", reports(server) > 0
    finally:
        server.close()


def reports(server):
    return sum("Sanitizer: " in line or "runtime error: " in line for line in server.log().splitlines())
