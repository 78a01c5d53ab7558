"""What the tests of the task pages share."""

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
for folder in ("tests/integration", "tests/docs", "tests/export"):
    sys.path.insert(0, str(REPOSITORY / folder))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small file of the layout of c-radio_v3-b: what `radio-export download` would fetch."""
    from synthetic import save, vit_checkpoint

    made = vit_checkpoint(model="vit_base_patch16_v2_224", scale="gamma")
    return save(made, tmp_path_factory.mktemp("checkpoint") / "c-radio_v3-b.pth.tar")


@pytest.fixture(scope="session")
def served(checkpoint, tmp_path_factory):
    """(server, folder of its model): what the pages but serve.md begin with."""
    import subprocess

    from served import Server

    model = tmp_path_factory.mktemp("models") / "c-radio_v3-b"
    command = [sys.executable, "-m", "radio_export", "export", "--checkpoint", checkpoint]
    command += ["--version", "c-radio_v3-b", "--output", model]
    subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY / "model/export")
    server = Server(tmp_path_factory.mktemp("server"), {"c-radio_v3-b": model})
    yield server, model
    assert server.stop() == 0
