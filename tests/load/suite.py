"""Promises under load, measured on a server whose model is a stub: 20 ms a batch, whatever is in it.

    tests/load/suite.py [--only NAME,...] [--soak MINUTES]

Prints what was promised, what was measured, and whether it held. Exit code 1 when something did not. Figures of a busy
machine say little: the share of the machine that others took is printed beside each.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import faults  # noqa: E402
import hostile  # noqa: E402
import overload  # noqa: E402
import restarts  # noqa: E402
import soak  # noqa: E402
from stub import SERVER, Api  # noqa: E402

# name -> function(folder, api) that yields (what is promised, what was measured, whether it held).
CHECKS = {
    "overload": overload.overload,
    "cancel": overload.cancelled_calls,
    "poison": faults.poisoned_images,
    "hang": faults.hung_batch,
    "device": faults.lost_device,
    "listener": faults.dead_listener,
    "hostile": hostile.bad_clients_beside_a_good_one,
    "counts": faults.counts_after_hostile_requests,
    "sigterm": restarts.terminated_under_load,
    "kill": restarts.killed_under_load,
    "tls": restarts.certificates_replaced_under_load,
}


def busy_seconds():
    """(seconds of all cores spent on anything, seconds that this process and its ended children took)."""
    with open("/proc/stat") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    times = os.times()
    ours = times.user + times.system + times.children_user + times.children_system
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK"), ours


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(CHECKS), help="names, separated by commas: " + ", ".join(CHECKS))
    parser.add_argument("--soak", type=float, default=0, help="minutes of mixed load in which nothing may grow")
    flags = parser.parse_args()
    if not SERVER.exists():
        sys.exit("not built: bazel build -c opt //tests/load:stub_server //client:radio")
    checks = {name: CHECKS[name] for name in flags.only.split(",") if name}
    if flags.soak:
        checks["soak"] = lambda folder, api: soak.soak(folder, api, flags.soak)

    failed = 0
    with tempfile.TemporaryDirectory() as root:
        api = Api(Path(root))
        for name, check in checks.items():
            folder = Path(root) / name
            folder.mkdir()
            begun, before = time.monotonic(), busy_seconds()
            for promised, measured, held in check(folder, api):
                seconds, after = time.monotonic() - begun, busy_seconds()
                others = (after[0] - before[0]) - (after[1] - before[1])
                share = max(0, others) / (seconds * os.cpu_count())
                verdict = "ok" if held else "FAILED"
                print(f"{verdict:6} {name:9} {promised}: {measured} ({seconds:.0f} s, others {share:.0%})", flush=True)
                failed += not held
    print(f"load: {'all promises held' if not failed else f'{failed} promises broken'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
