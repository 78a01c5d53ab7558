"""Writes the Python code of proto/radio/v1 into radio_client/proto, importable from inside the package.

Run by the package's build and by tools/setup.sh. Outside a checkout (a source distribution) the code is already there.
"""

from pathlib import Path

HERE = Path(__file__).resolve().parent
PROTOS = HERE.parent / "proto"
NAME = "feature_service_pb2"


def generate() -> None:
    source = PROTOS / "radio/v1/feature_service.proto"
    target = HERE / "radio_client/proto"
    if not source.exists():
        if (target / f"{NAME}.py").exists():
            return
        raise FileNotFoundError(f"{source}: build the package inside its checkout")

    import google.rpc
    import grpc_tools
    from grpc_tools import protoc

    includes = [PROTOS, Path(grpc_tools.__file__).parent / "_proto", Path(list(google.rpc.__path__)[0]).parents[1]]
    # protoc names folders after the proto's package; the files are moved out of them.
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    if protoc.main(["protoc", *(f"-I{path}" for path in includes), *outputs, str(source)]) != 0:
        raise RuntimeError(f"protoc failed on {source}")
    for file in (target / "radio/v1").iterdir():
        text = file.read_text().replace("from radio.v1 import", "from . import")
        (target / file.name).write_text(text)
        file.unlink()
    (target / "radio/v1").rmdir()
    (target / "radio").rmdir()


if __name__ == "__main__":
    generate()
