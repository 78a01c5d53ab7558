"""Batches of mixed sizes at a backlog: how full they are, and how long the hardest size to place waits."""

import random
import threading
import time

from stub import Stub, total

BATCH_MS = 50
PATCH = 16
# Tokens per side, in rising order; the largest takes most of a batch.
GRIDS = [(side, side + wider) for side in range(4, 12) for wider in (0, 1)] + [(12, 12)]
BUDGET = 1190


def cost_of(grid):
    """As the server's cost model has it, of the stub's model: two tokens more, eight channels."""
    tokens = grid[0] * grid[1] + 2
    return tokens * (1 + tokens / 24)


def grids_of(count):
    """`count` of the sizes, evenly spread."""
    return [GRIDS[round(i * (len(GRIDS) - 1) / (count - 1))] for i in range(count)] if count > 1 else [(7, 7)]


class Backlog:
    """Keeps two batches waiting beside the one that runs, of images whose sizes are equally likely."""

    def __init__(self, api, service, grids):
        self.api, self.service, self.grids = api, service, grids
        self.rng = random.Random(1)
        self.changed = threading.Condition()
        self.under_way = 0
        # Batches that answered so far: answers of one come together.
        self.batches, self.last_answer = 0, 0.0
        # Of each image of the largest size: batches that began after it had come and before its own.
        self.waits = []
        self.failed = 0

    def ended(self, grid, batches_before, future):
        with self.changed:
            now = time.monotonic()
            if now - self.last_answer > BATCH_MS / 2000:
                self.batches += 1
            self.last_answer = now
            self.under_way -= cost_of(grid)
            if future.exception() is not None:
                self.failed += 1
            elif grid == self.grids[-1]:
                # One ran when it came, one is its own.
                self.waits.append(max(0, self.batches - batches_before - 2))
            self.changed.notify()

    def send_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            grid = self.rng.choice(self.grids)
            with self.changed:
                self.changed.wait_for(lambda: self.under_way < 3 * BUDGET)
                self.under_way += cost_of(grid)
                batches = self.batches
            request = self.api.request(7, side=(PATCH * grid[0], PATCH * grid[1]))
            future = self.service.Extract.future(request, timeout=10)
            future.add_done_callback(lambda done, grid=grid, batches=batches: self.ended(grid, batches, done))
        with self.changed:
            self.changed.wait_for(lambda: self.under_way < 1)


SETTINGS = f"max_batch_cost: {BUDGET}\nmax_batch_images: 64\nmax_queue_delay_ms: 5000\nclient_share_percent: 100"


def measure(server, api, count, seconds):
    """(mean cost of a batch over the budget, the backlog that was sent)."""
    with api.channel(server.grpc) as channel:
        backlog = Backlog(api, api.service(channel), grids_of(count))
        before = server.scrape()
        backlog.send_for(seconds)
        after = server.scrape()
    fill, batches = (
        total(after, f"radio_batch_fill_ratio_{name}") - total(before, f"radio_batch_fill_ratio_{name}")
        for name in ("sum", "count")
    )
    return fill / batches, backlog


def batches_of_mixed_sizes(folder, api, seconds=6):
    server = Stub(folder, SETTINGS, arguments=[f"--batch_time_ms={BATCH_MS}"])
    try:
        for count in (1, 2, 4, 8, 16):
            fill, backlog = measure(server, api, count, seconds)
            yield f"{count} sizes at a backlog: mean cost of a batch >= 0.8 of the budget", f"{fill:.2f}", fill >= 0.8
            wait = sorted(backlog.waits)[int(0.99 * len(backlog.waits))]
            promised = f"{count} sizes: the largest waits for <= 3 batches at p99, no image fails"
            measured = f"{wait}; {backlog.failed} failed in {backlog.batches} batches"
            yield promised, measured, wait <= 3 and backlog.failed == 0
        server.stop()
        # The check's own check: a model whose sizes do not mix.
        manifest = server.model / "manifest.textproto"
        manifest.write_text(manifest.read_text().replace("mixed_sizes: true", "mixed_sizes: false"))
        server.start()
        fill, _ = measure(server, api, 16, seconds)
        yield "(batches of one size are seen)", f"{fill:.2f}", fill < 0.8
    finally:
        server.close()
