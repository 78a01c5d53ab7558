"""What the tests of the Python client share."""

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
for folder in ("python", "tests/integration", "tests/python"):
    sys.path.insert(0, str(REPOSITORY / folder))


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A tiny demo model with a CLIP adaptor."""
    from served import export_demo

    return export_demo(tmp_path_factory.mktemp("model") / "demo")


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    """The built server with that model."""
    from served import Server

    server = Server(tmp_path_factory.mktemp("server"), {"demo": model})
    yield server
    assert server.stop() == 0


@pytest.fixture
def fake():
    """fake(behaviour) -> FakeServer; stopped at the end of the test."""
    from fake_server import FakeServer

    servers = []

    def start(behaviour, port=0):
        servers.append(FakeServer(behaviour, port))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
