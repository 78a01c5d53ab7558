"""Images that break their batch, hung and lost devices, and whether everything was counted."""

import socket
import time

import grpc
from stub import DEVICE_LOST, HANG, LITTLE_MEMORY, POISON, Stub, total

OUTCOMES = "radio_images_total"


def poisoned_images(folder, api, rounds=40):
    server = Stub(folder, "max_batch_images: 32\nquarantine_s: 0")
    try:
        service = api.service(api.channel(server.grpc))
        service.Extract(api.request(7), timeout=10)
        for size in (8, 32):
            values = [10 + i for i in range(size - 1)]
            alone = [r.outputs[0].summary.data for r in service.Extract(api.request(*values), timeout=10).results]
            damaged, culprits = 0, 0
            for k in range(rounds):
                place = k % size
                mixed = service.Extract(api.request(*values[:place], POISON, *values[place:]), timeout=30).results
                culprits += mixed[place].status.code == grpc.StatusCode.INTERNAL.value[0]
                rest = [*mixed[:place], *mixed[place + 1 :]]
                damaged += sum(
                    r.status.code != 0 or r.outputs[0].summary.data != data for r, data in zip(rest, alone, strict=True)
                )
            measured = (
                f"{damaged} of {rounds * (size - 1)} neighbours damaged, {culprits} of {rounds} culprits INTERNAL"
            )
            yield f"a poisoned image among {size} fails alone", measured, damaged == 0 and culprits == rounds
    finally:
        server.close()


def ended_with(server, request, service, seconds):
    """(exit code, seconds until the process ended)."""
    begun = time.monotonic()
    # Kept: a call that nobody holds is cancelled.
    call = service.Extract.future(request, timeout=seconds)
    code = server.process.wait(seconds)
    call.cancel()
    return code, time.monotonic() - begun


def hung_batch(folder, api):
    server = Stub(folder, "max_batch_duration_ms: 2000")
    try:
        code, seconds = ended_with(server, api.request(HANG), api.service(api.channel(server.grpc)), 60)
        yield "a hung batch ends the process with 72", f"exit {code} after {seconds:.1f} s", code == 72 and seconds < 5
    finally:
        server.close()


def lost_device(folder, api):
    server = Stub(folder)
    try:
        code, seconds = ended_with(server, api.request(DEVICE_LOST), api.service(api.channel(server.grpc)), 60)
        yield "a lost device ends the process with 71", f"exit {code} after {seconds:.1f} s", code == 71 and seconds < 5
    finally:
        server.close()


def little_memory(folder, api):
    """A device that runs out of memory for a while."""
    server = Stub(folder, "max_batch_cost: 64\nmax_batch_images: 16")
    try:
        service = api.service(api.channel(server.grpc))
        service.Extract(api.request(7), timeout=10)

        def budget():
            return total(server.scrape(), "radio_batch_budget_cost")

        full = budget()
        results = service.Extract(api.request(*[LITTLE_MEMORY] * 8), timeout=30).results
        bad = sum(r.status.code != 0 for r in results)
        yield "8 images of which memory holds 2 are all answered", f"{len(results) - bad} of 8", bad == 0
        low = budget()
        yield f"and the budget falls to half of {full:.0f} or less", f"{low:.0f}", 0 < low <= full / 2
        begun, batches = time.monotonic(), 0
        while budget() < full and time.monotonic() < begun + 60:
            service.Extract(api.request(7), timeout=10)
            batches += 1
        measured = f"{budget():.0f} after {batches} batches, {time.monotonic() - begun:.1f} s"
        yield "and recovers within 60 s", measured, budget() == full
        yield "the process lives", f"exit {server.process.poll()}", server.process.poll() is None
    finally:
        server.close()


def dead_listener(folder, api):
    """gRPC stops accepting for good when it runs out of file descriptors."""
    server = Stub(folder, "transport { listener_probe_interval_ms: 500 }", wrapper=["prlimit", "--nofile=64"])
    try:
        host, port = server.grpc.split(":")
        sockets = [socket.create_connection((host, int(port))) for _ in range(100)]
        begun = time.monotonic()
        for s in sockets:
            s.close()
        code = server.process.wait(60)
        seconds = time.monotonic() - begun
        measured = f"exit {code} after {seconds:.1f} s"
        yield "a listener out of descriptors ends the process with 70", measured, code == 70 and seconds < 5
    finally:
        server.close()


def flip_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replace_by_link(path):
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


DAMAGES = {
    "a flipped byte": flip_byte,
    "a truncated file": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "a symbolic link": replace_by_link,
    "a file that everybody may write": lambda path: path.chmod(0o666),
    "a folder that everybody may write": lambda path: path.parent.chmod(0o777),
}


def damaged_models(folder, api):
    """What becomes of a start. Files swapped after they were verified: StartTest in tests/integration."""
    del api
    for what, damage in DAMAGES.items():
        place = folder / what.replace(" ", "-")
        place.mkdir()
        server = Stub(place)
        server.close()
        damage(place / "model" / "backbone.pt")
        begun = time.monotonic()
        try:
            server.start()
            measured = "started"
            server.close()
        except RuntimeError:
            measured = f"exit {server.process.wait(20)}"
        seconds = time.monotonic() - begun
        yield f"{what}: start refused <= 2 s", f"{measured}, {seconds:.1f} s", measured == "exit 1" and seconds <= 2


def counts_after_hostile_requests(folder, api, rounds=2000):
    """Every image is counted once, under one outcome, and no request can make a new series."""
    server = Stub(folder, "max_batch_images: 8\nmax_queue_delay_ms: 50")
    try:
        channel = api.channel(server.grpc)
        service = api.service(channel)
        service.Extract(api.request(7), timeout=10)
        before = server.scrape()
        futures = []
        for k in range(rounds):
            request = api.request(*[(7, POISON)[k % 40 == 0]] * (1 + k % 3))
            if k % 7 == 1:
                request.model = f"no-such-model-{k}"
            if k % 7 == 2:
                request.images[0].tensor.shape[0] = k
            if k % 7 == 3:
                request.outputs.add(adaptor=f"adaptor-{k}", summary=True)
            if k % 7 == 4:
                request.images[0].encoded = b"\xff\xd8\xff" + bytes(k % 256)
            future = service.Extract.future(request, timeout=0.02 if k % 7 == 5 else 10)
            if k % 7 == 6:
                future.cancel()
            futures.append(future)
            if k % 200 == 199:
                for future in futures:
                    future.exception() if not future.cancelled() else None
                futures.clear()
        unknown = channel.unary_unary("/radio.v1.FeatureService/NoSuchMethod")
        for k in range(20):
            unknown.future(bytes([k]), timeout=1).exception()
        deadline = time.monotonic() + 5
        while total(server.scrape(), "radio_inflight_items") and time.monotonic() < deadline:
            time.sleep(0.05)
        after = server.scrape()
        new = len(after) - len(before)
        yield f"series after {rounds} hostile requests", f"{len(before)}, {new} new", new == 0
        received = total(after, "radio_images_received_total")
        finished = total(after, OUTCOMES)
        yield (
            "received = ok + rejected + failed + cancelled + expired",
            f"{received:.0f} = {finished:.0f}",
            (received == finished > 0),
        )
    finally:
        server.close()
