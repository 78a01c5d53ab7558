"""The programs that the checks run, and how to go without one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def tool(name, origin):
    """Path of a program; skips the test, saying where it comes from, when it is not installed."""
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed ({origin})")
    return path


def promtool(*arguments):
    """(exit code, output) of promtool."""
    command = [tool("promtool", "Debian package prometheus"), *map(str, arguments)]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout
