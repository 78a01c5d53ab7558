"""Shared fixtures: the package from this checkout, a runner for the command line, exported demo models."""

import sys
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "model" / "export"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

torch.set_num_threads(1)  # The models are tiny; waiting for a second thread costs more than it brings.


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore:.*torch.jit.*:DeprecationWarning")


@pytest.fixture
def run(capsys):
    """run(*arguments) -> (exit code, standard error) of `radio-export`."""
    from radio_export.cli import main

    def call(*arguments):
        capsys.readouterr()
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as e:
            code = e.code
        return code, capsys.readouterr().err

    return call


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A demo model of radio_v2.5-b, seed 0. Read it only; copy it to change it."""
    from radio_export.cli import main

    folder = tmp_path_factory.mktemp("demo") / "model"
    assert main(["demo", "--version", "radio_v2.5-b", "--output", str(folder)]) == 0
    return folder
