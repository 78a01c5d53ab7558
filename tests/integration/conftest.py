"""Fixtures of the tests that run the built programs."""

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
for folder in ("model/export", "tests/export", "tests/integration"):
    sys.path.insert(0, str(REPOSITORY / folder))


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    """The messages and the service stub of radio.v1, generated from proto/."""
    import stubs

    return stubs.load(tmp_path_factory.mktemp("stubs"))


@pytest.fixture
def start(tmp_path_factory):
    """start(models, extra="") -> Server; stopped at the end of the test."""
    from served import Server

    servers = []

    def call(models, extra=""):
        servers.append(Server(tmp_path_factory.mktemp("server"), models, extra))
        return servers[-1]

    yield call
    for server in servers:
        if server.process.poll() is None:
            assert server.stop() == 0
