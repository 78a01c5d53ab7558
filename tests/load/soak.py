"""A mixed load in which nothing may grow: sizes, bad images, callers that leave, new connections."""

import random
import sys
import time

from stub import POISON, Stub


def slope(points):
    """Least-squares slope of [(x, y)]."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    above = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return above / sum((x - mean_x) ** 2 for x, _ in points)


def growth_over(folder, api, minutes, arguments=()):
    """(MiB a minute, counts of open files, counts of threads)."""
    server = Stub(folder, "max_batch_images: 8\nquarantine_s: 0", arguments=arguments)
    rng = random.Random(1)
    try:
        points, files, threads = [], [], []
        begun = time.monotonic()
        told = 0
        while time.monotonic() < begun + 60 * minutes:
            with api.channel(server.grpc) as channel:
                service = api.service(channel)
                futures = []
                for _ in range(200):
                    value = POISON if rng.random() < 0.01 else 7
                    request = api.request(value, side=16 * rng.randint(1, 12))
                    if rng.random() < 0.05:
                        request.images[0].encoded = rng.randbytes(rng.randint(0, 2000))
                    futures.append(service.Extract.future(request, timeout=10))
                    if rng.random() < 0.1:
                        futures.pop().cancel()
                for future in futures:
                    future.exception()
            elapsed = time.monotonic() - begun
            if elapsed > told + 60:
                told = elapsed
                memory, seen = server.resident_mib(), (server.files(), server.threads())
                print(f"soak: {elapsed / 60:.0f} min, {memory:.1f} MiB, files and threads {seen}", file=sys.stderr)
            # The first third is warm-up.
            if elapsed > 20 * minutes:
                points.append((elapsed / 60, server.resident_mib()))
                files.append(server.files())
                threads.append(server.threads())
        return slope(points), files, threads
    finally:
        server.close()


def soak(folder, api, minutes):
    growth, files, threads = growth_over(folder, api, minutes)
    yield f"memory over {minutes:g} min grows <= 1 MiB/min", f"{growth:.2f} MiB/min", growth <= 1
    yield "file descriptors stay", f"{min(files)} to {max(files)}", max(files) - min(files) <= 8
    yield "threads stay", f"{min(threads)} to {max(threads)}", max(threads) - min(threads) <= 4


def leak(folder, api, minutes=0.5):
    """The soak's own check: what it says to a server that leaks."""
    growth, _, _ = growth_over(folder, api, minutes, arguments=["--leak=4096"])
    yield "a soak sees a leak of 4 KiB an image (more than 1 MiB/min)", f"{growth:.1f} MiB/min", growth > 1
