"""Fixtures of the tests that run the built programs."""

import importlib
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
for folder in ("model/export", "tests/export", "tests/integration"):
    sys.path.insert(0, str(REPOSITORY / folder))


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    """The messages and the service stub of radio.v1, generated from proto/."""
    import google.rpc
    import grpc_tools
    from grpc_tools import protoc

    out = tmp_path_factory.mktemp("stubs")
    proto = REPOSITORY / "proto" / "radio" / "v1" / "feature_service.proto"
    include = [
        REPOSITORY / "proto",
        Path(grpc_tools.__file__).parent / "_proto",
        Path(list(google.rpc.__path__)[0]).parents[1],
    ]
    arguments = [f"-I{i}" for i in include] + [f"--python_out={out}", f"--grpc_python_out={out}", str(proto)]
    assert protoc.main(["protoc", *arguments]) == 0
    sys.path.insert(0, str(out))
    messages = importlib.import_module("radio.v1.feature_service_pb2")
    messages.FeatureServiceStub = importlib.import_module("radio.v1.feature_service_pb2_grpc").FeatureServiceStub
    return messages


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
