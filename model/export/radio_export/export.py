"""Checkpoint to artefact: build the modules, script them, record the self-test, put the folder in place."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import torch

from radio_export import __version__, selftest
from radio_export.adaptor import BuiltAdaptor, build_adaptor
from radio_export.backbone import BuiltBackbone, build_backbone
from radio_export.checkpoint import Checkpoint, file_sha256
from radio_export.errors import ExportError, listing
from radio_export.manifest import FILE_NAME, FORMAT_VERSION, ModelManifest, write_manifest
from radio_export.options import ExportOptions
from radio_export.teachers import HEAD_KINDS, TeacherInfo, read_teachers, select_teachers, summary_indices
from radio_export.versions import ARCHITECTURES, Version

# Keys outside the backbone, conditioner and heads that the service has no use for.
_UNUSED = ("_intermediate_feature_normalizer.", "summary_idxs")
# The only integer tensors of a file, both unused.
_INTEGERS = (".num_batches_tracked", ".relative_position_index")
Progress = Callable[[str], None]


def export_model(
    checkpoint: Checkpoint, version: Version, output: Path, options: ExportOptions, progress: Progress = lambda _: None
):
    """Writes the artefact `output` and returns its manifest. ExportError; `output` is then as it was before."""
    check_version(checkpoint, version)
    teachers = read_teachers(checkpoint.args)
    _check_keys(checkpoint, teachers)
    chosen = select_teachers(checkpoint, teachers, options.adaptors)
    progress(f"building the backbone of {version.name}")
    backbone = build_backbone(checkpoint, version, options)
    indices = summary_indices(checkpoint.args, teachers, options.era)
    if not indices or max(indices) >= backbone.prefix_tokens:
        raise ExportError(f"checkpoint: summary tokens {indices} of {backbone.prefix_tokens} prefix tokens")
    rounded = backbone.precision == "bfloat16" and options.era == "head"
    adaptors = [build_adaptor(checkpoint, t, backbone.prefix_tokens, rounded) for t in chosen]
    manifest = _facts(checkpoint, version, options, backbone)
    manifest.summary_indices.extend(indices)
    with _placed(output) as directory:
        _save(directory, manifest, backbone, adaptors, progress)
        progress("recording the self-test")
        selftest.record(directory, manifest)
        write_manifest(manifest, directory)
    return manifest


def check_version(checkpoint: Checkpoint, version: Version) -> None:
    """ExportError when the file's architecture is not the one of `version`."""
    found = checkpoint.args["model"]
    related = found in ARCHITECTURES and ARCHITECTURES[found].family == version.dims.family
    if found != version.architecture and (version.architecture_verified or not related):
        raise ExportError(
            f"--version: {version.name} has the architecture {version.architecture}, this file has {found}"
        )


def _check_keys(checkpoint: Checkpoint, teachers: list[TeacherInfo]) -> None:
    """Every key belongs to a known part and holds real numbers; heads that are not asked for may be there."""
    parts = ("base_model.", "input_conditioner.", "_feature_normalizer.") + _UNUSED
    heads = tuple(f"{kind}.{key}." for teacher in teachers for key in teacher.keys for kind in HEAD_KINDS)
    unknown = [k for k in checkpoint.state if not k.startswith(parts + heads)]
    if unknown:
        raise ExportError(f"checkpoint: unknown keys: {listing(unknown)}")
    odd = [k for k, v in checkpoint.state.items() if not v.is_floating_point() and not k.endswith(_INTEGERS)]
    if odd:
        raise ExportError(f"checkpoint: no floating-point numbers: {listing(odd)}")


def _facts(checkpoint: Checkpoint, version: Version, options: ExportOptions, backbone: BuiltBackbone):
    manifest = ModelManifest(
        format_version=FORMAT_VERSION,
        version=version.name,
        architecture=checkpoint.args["model"],
        precision=backbone.precision,
        license=version.license,
        random_weights=not checkpoint.sha256,
        source_sha256=checkpoint.sha256,
        era=options.era,
        exporter_version=__version__,
        torch_version=torch.__version__,
        patch_size=backbone.patch_size,
        resolution_step=backbone.resolution_step,
        max_resolution=version.max_resolution,
        preferred_height=nearest(version.preferred[0], backbone.resolution_step),
        preferred_width=nearest(version.preferred[1], backbone.resolution_step),
        mean=backbone.module.mean.tolist(),
        std=backbone.module.std.tolist(),
        mixed_sizes=backbone.mixed_sizes,
        num_prefix_tokens=backbone.prefix_tokens,
        feature_dim=backbone.feature_dim,
        default_layout=backbone.default_layout,
    )
    if backbone.window:
        manifest.window_size = backbone.window
    manifest.embedding_space = "/".join([version.name, checkpoint.identity()[:16], options.era, *backbone.space])
    return manifest


def nearest(side: int, step: int) -> int:
    """The supported side nearest to `side`: a multiple of `step`, halves to the even one, at least one step."""
    return max(step, round(side / step) * step)


def _save(directory: Path, manifest, backbone: BuiltBackbone, adaptors: list[BuiltAdaptor], progress: Progress) -> None:
    """Scripts and writes every module, and lists it with its checksum in `manifest`."""
    progress("writing backbone.pt")
    torch.jit.script(backbone.module).save(str(directory / "backbone.pt"))
    _describe(manifest.backbone, directory / "backbone.pt")
    for adaptor in adaptors:
        path = directory / f"adaptor_{adaptor.teacher.name}.pt"
        progress(f"writing {path.name}")
        torch.jit.script(adaptor.module).save(str(path))
        entry = manifest.adaptors.add(
            name=adaptor.teacher.name,
            summary_dim=adaptor.summary_dim,
            feature_dim=adaptor.feature_dim,
            upsample_factor=adaptor.upsample_factor,
            teacher_type=adaptor.teacher.type,
            teacher_model=adaptor.teacher.model,
            teacher_pretrained=adaptor.teacher.pretrained,
        )
        _describe(entry.file, path)


def _describe(entry, path: Path) -> None:
    entry.name, entry.sha256, entry.byte_size = path.name, file_sha256(path), path.stat().st_size


@contextmanager
def _placed(output: Path):
    """A folder beside `output` that takes its name when the block succeeds and disappears when it fails.

    An artefact already there is replaced; anything else that is not empty is refused.
    """
    output = output.absolute()
    if output.exists() and not (output.is_dir() and ((output / FILE_NAME).exists() or not any(output.iterdir()))):
        raise ExportError(f"--output: {output} exists and is not an artefact; name another folder")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    except OSError as e:
        raise ExportError(f"--output: {output} cannot be written: {e.strerror}") from None
    try:
        folder = scratch / "new"
        folder.mkdir()
        yield folder
        _replace(output, folder, scratch / "old")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _replace(output: Path, folder: Path, aside: Path) -> None:
    """`folder` becomes `output`; what was there goes to `aside`, or back when that fails."""
    existed = output.exists()
    if existed:
        os.replace(output, aside)
    try:
        os.replace(folder, output)
    except OSError:
        if existed:
            os.replace(aside, output)
        raise
