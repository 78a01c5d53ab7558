"""YAML files of deploy/ are well-formed and of one style."""

import subprocess
import sys

import pytest
from metric_table import REPOSITORY


def test_yamllint_has_nothing_to_say():
    pytest.importorskip("yamllint", reason="yamllint is not installed (PyPI)")
    command = [sys.executable, "-m", "yamllint", "--strict", "--config-file", ".yamllint", "."]
    done = subprocess.run(command, cwd=REPOSITORY / "deploy", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
