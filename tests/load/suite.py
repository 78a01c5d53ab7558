"""Promises under load, measured on a server whose model is a stub: 20 ms a batch, whatever is in it.

    tests/load/suite.py [--only NAME,...] [--soak MINUTES] [--overlapping-runs N] [--markdown]

Prints what was promised, what was measured, and whether it held. Exit code 1 when something did not. Figures of a busy
machine say little: the share of the machine that others took is printed beside each.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import batches  # noqa: E402
import faults  # noqa: E402
import hostile  # noqa: E402
import overload  # noqa: E402
import restarts  # noqa: E402
import soak  # noqa: E402
import stub  # noqa: E402
from stub import SERVER, Api  # noqa: E402

# name -> (row of the reliability table, function(folder, api) that yields (promise, measurement, whether it held)).
CHECKS = {
    "overload": (1, overload.overload),
    "dead": (2, overload.dead_work),
    "fair": (3, overload.greedy_beside_polite),
    "poison": (4, faults.poisoned_images),
    "hostile": (5, hostile.bad_clients_beside_a_good_one),
    "cancel": (9, overload.cancelled_calls),
    "sigterm": (10, restarts.terminated_under_load),
    "drain": (10, restarts.outlasted_drain),
    "kill": (11, restarts.killed_under_load),
    "hang": (12, faults.hung_batch),
    "device": (12, faults.lost_device),
    "memory": (12, faults.little_memory),
    "listener": (12, faults.dead_listener),
    "leak": (13, soak.leak),
    "counts": (14, faults.counts_after_hostile_requests),
    "tls": (15, restarts.certificates_replaced_under_load),
    "model": (16, faults.damaged_models),
    "batches": (18, batches.batches_of_mixed_sizes),
}


def busy_seconds():
    """(seconds of all cores spent on anything, seconds that this process and its ended children took)."""
    with open("/proc/stat") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    times = os.times()
    ours = times.user + times.system + times.children_user + times.children_system
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK"), ours


def machine():
    """What the figures were measured on, in a line."""
    names = [line.split(": ")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    commit = subprocess.run(
        ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"], capture_output=True, text=True
    )
    return f"{os.cpu_count()} cores of {names[0] if names else 'an unknown CPU'}, commit {commit.stdout.strip()}"


def markdown(rows):
    lines = ["| Row | Promised | Measured | Held | Others' share of the machine |", "|---|---|---|---|---|"]
    for row, _, promised, measured, held, share in rows:
        lines.append(f"| {row} | {promised} | {measured} | {'yes' if held else '**no**'} | {share:.0%} |")
    return "\n".join([f"Measured on {machine()}.", "", *lines])


def results(checks, root):
    """Yields (row, name, promise, measurement, whether it held, the share of the machine that others took)."""
    api = Api(root)
    for name, (row, check) in checks.items():
        folder = root / name
        folder.mkdir()
        begun, before = time.monotonic(), busy_seconds()
        for promised, measured, held in check(folder, api):
            seconds, after = time.monotonic() - begun, busy_seconds()
            others = (after[0] - before[0]) - (after[1] - before[1])
            yield row, name, promised, measured, held, max(0, others) / (seconds * os.cpu_count())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(CHECKS), help="names, separated by commas: " + ", ".join(CHECKS))
    parser.add_argument("--soak", type=float, default=0, help="minutes of mixed load in which nothing may grow")
    parser.add_argument("--overlapping-runs", type=int, default=1, help="2: the stub's engine is like a GPU's")
    parser.add_argument("--markdown", action="store_true", help="at the end a table for docs/reliability.md")
    flags = parser.parse_args()
    stub.overlapping_runs = flags.overlapping_runs
    if not SERVER.exists():
        sys.exit("not built: bazel build -c opt //tests/load:stub_server //client:radio")
    checks = {name: CHECKS[name] for name in flags.only.split(",") if name}
    if flags.soak:
        checks["soak"] = 13, lambda folder, api: soak.soak(folder, api, flags.soak)

    begun, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory() as root:
        for result in results(checks, Path(root)):
            row, name, promised, measured, held, share = result
            verdict = "ok" if held else "FAILED"
            seconds = time.monotonic() - begun
            print(f"{verdict:6} {name:9} {promised}: {measured} (at {seconds:.0f} s, others {share:.0%})", flush=True)
            rows.append(result)
    if not flags.soak:
        print("SKIPPED soak: takes --soak MINUTES")
    print("SKIPPED faults of a real GPU: the stub plays them (hang, device)")
    failed = sum(not row[4] for row in rows)
    if flags.markdown:
        print(markdown(rows))
    print(f"load: {'all promises held' if not failed else f'{failed} promises broken'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
