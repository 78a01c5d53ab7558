"""The manifest: message class, text form, and the checks that need no model."""

import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from radio_export.errors import ExportError

FORMAT_VERSION = 1
FILE_NAME = "manifest.textproto"


def _message_class():
    """`radio.config.ModelManifest`: the generated module, or the checkout's proto compiled now."""
    try:
        from radio_export import model_manifest_pb2

        return model_manifest_pb2.ModelManifest
    except ImportError:
        return _compiled_from_checkout()


def _compiled_from_checkout():
    proto = Path(__file__).resolve().parents[3] / "config" / "model_manifest.proto"
    if not proto.is_file():
        raise ImportError("radio_export.model_manifest_pb2 is missing: run tools/setup.sh")
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "set.pb"
        if protoc.main(["protoc", f"-I{proto.parent}", f"--descriptor_set_out={out}", str(proto)]):
            raise ImportError(f"{proto.name} does not compile")
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("radio.config.ModelManifest"))


ModelManifest = _message_class()


def write_manifest(manifest, directory: Path) -> None:
    """`DIR/manifest.textproto`, with a comment for readers of random weights."""
    head = "# Written by radio-export; docs/artefacts.md.\n"
    if manifest.random_weights:
        head += "# RANDOM WEIGHTS: a demonstration model, its features mean nothing.\n"
    (directory / FILE_NAME).write_text(head + text_format.MessageToString(manifest), encoding="utf-8")


def read_manifest(directory: Path):
    """The manifest of an artefact. ExportError when absent, malformed or of another format."""
    path = directory / FILE_NAME
    if not path.is_file():
        raise ExportError(f"{path} does not exist: {directory} is not an artefact")
    try:
        manifest = text_format.Parse(path.read_text(encoding="utf-8"), ModelManifest())
    except (text_format.ParseError, UnicodeDecodeError) as e:
        raise ExportError(f"{path} is malformed: {str(e).splitlines()[0]}") from None
    if manifest.format_version != FORMAT_VERSION:
        raise ExportError(f"{path}: format_version {manifest.format_version}, this program knows {FORMAT_VERSION}")
    return manifest
