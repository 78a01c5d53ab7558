"""Programs under comparison: each in a session of its own, with what it has used of the processors."""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Program:
    """A command that runs until `stop`, whose children stay in its session; `log` gets its standard error."""

    def __init__(self, command, log, environment=None, **pipes):
        self.log = log
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                list(map(str, command)),
                stderr=errors,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                **pipes,
            )
        # For whoever ends before it gets to `stop`.
        atexit.register(self.stop)

    def await_port(self, port, seconds):
        """Returns when something listens there; RuntimeError with the end of the log when that takes too long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"not listening: {self.log.read_text()[-2000:]}")

    def pids(self):
        """Of the whole session, the dead left out."""
        numbers = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
        return [
            pid for pid in numbers if (fields := stat(pid)) and fields[0] != "Z" and fields[3] == str(self.process.pid)
        ]

    def cpu_seconds(self):
        return sum(map(cpu_seconds, self.pids()))

    def stop(self, patience=10):
        """First politely, then for certain; nothing of the session is left. `patience`: seconds for each polite way."""
        atexit.unregister(self.stop)
        for number, seconds in ((signal.SIGINT, patience), (signal.SIGTERM, patience), (signal.SIGKILL, 10)):
            for pid in self.pids():
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self.process.poll()
                if not self.pids():
                    return
                time.sleep(0.1)


def stat(pid):
    """The fields of /proc/PID/stat from the state on; none when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except OSError:
        return []


def cpu_seconds(pid):
    """User and system time of a process; 0 when it has ended."""
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0
