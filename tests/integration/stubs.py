"""Python code of proto/, generated."""

import importlib
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def load(folder):
    """The messages and the service stub of radio.v1; their code is written to `folder`."""
    import google.rpc
    import grpc_tools
    from grpc_tools import protoc

    proto = REPOSITORY / "proto" / "radio" / "v1" / "feature_service.proto"
    include = [
        REPOSITORY / "proto",
        Path(grpc_tools.__file__).parent / "_proto",
        Path(list(google.rpc.__path__)[0]).parents[1],
    ]
    arguments = [f"-I{i}" for i in include] + [f"--python_out={folder}", f"--grpc_python_out={folder}", str(proto)]
    assert protoc.main(["protoc", *arguments]) == 0
    sys.path.insert(0, str(folder))
    messages = importlib.import_module("radio.v1.feature_service_pb2")
    messages.FeatureServiceStub = importlib.import_module("radio.v1.feature_service_pb2_grpc").FeatureServiceStub
    return messages
