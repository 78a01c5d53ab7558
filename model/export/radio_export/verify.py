"""`radio-export verify`: is an artefact whole, and does it still compute what was recorded?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from radio_export import selftest
from radio_export.checkpoint import file_sha256
from radio_export.errors import ExportError
from radio_export.manifest import read_manifest

# Largest difference allowed, in units of the recorded output's rms. Another machine sums in another order.
LIMITS = {"float32": 1e-3, "bfloat16": 0.15}


def verify_artefact(directory: Path, progress: Callable[[str], None] = lambda _: None) -> float:
    """The largest distance found, in units of the recorded rms. ExportError at the first thing that is wrong."""
    manifest = read_manifest(directory)
    if manifest.precision not in LIMITS:
        raise ExportError(f"precision: {manifest.precision!r} is not float32 or bfloat16")
    for entry in [manifest.backbone, *(a.file for a in manifest.adaptors)]:
        progress(f"checking {entry.name}")
        _check_file(directory, entry)
    progress("recomputing the self-test")
    return _check_outputs(directory, manifest)


def _check_file(directory: Path, entry) -> None:
    if not entry.name or Path(entry.name).name != entry.name:
        raise ExportError(f"file name {entry.name!r} is not a plain name")
    path = directory / entry.name
    if not path.is_file():
        raise ExportError(f"{path} does not exist")
    if path.stat().st_size != entry.byte_size:
        raise ExportError(f"{path} has {path.stat().st_size} bytes, the manifest says {entry.byte_size}")
    if file_sha256(path) != entry.sha256:
        raise ExportError(f"{path}: its SHA-256 is not the one in the manifest")


def _check_outputs(directory: Path, manifest) -> float:
    test = manifest.self_test
    if not test.images:
        raise ExportError("self_test: it has no images")
    images = []
    for i, image in enumerate(test.images):
        if len(image.pixels) != image.height * image.width * 3:
            raise ExportError(f"self_test.images[{i}]: {len(image.pixels)} bytes for {image.height} x {image.width}")
        pixels = np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width, 3)
        images.append(pixels.copy())
    outputs = selftest.run_artefact(directory, manifest, images)
    if [o.adaptor for o in test.outputs] != list(outputs):
        raise ExportError("self_test.outputs: not the backbone and every adaptor in order")
    _check_widths(manifest, outputs)
    worst = 0.0
    for recorded, (summary, features) in zip(test.outputs, outputs.values(), strict=True):
        for kind, bytes_, got in (("summary", recorded.summary, summary), ("features", recorded.features, features)):
            worst = max(worst, _distance(f"{recorded.adaptor} {kind}", bytes_, got, LIMITS[manifest.precision]))
    return worst


def _check_widths(manifest, outputs) -> None:
    """The widths that the manifest promises are those of the modules."""
    promised = {a.name: (a.summary_dim, a.feature_dim) for a in manifest.adaptors}
    promised["backbone"] = (len(manifest.summary_indices) * manifest.feature_dim, manifest.feature_dim)
    for name, tensors in outputs.items():
        found = tuple(t.shape[-1] for t in tensors)
        if found != promised[name]:
            raise ExportError(f"{name}: the manifest promises widths {promised[name]}, the module gives {found}")


def _distance(what: str, recorded: bytes, got: torch.Tensor, limit: float) -> float:
    if len(recorded) != 4 * got.numel():
        raise ExportError(f"self-test: {what} has {got.numel()} values, recorded were {len(recorded) / 4:g}")
    if not recorded:
        return 0.0
    want = np.frombuffer(recorded, "<f4").astype(np.float64)
    difference = np.abs(got.contiguous().numpy().astype(np.float64).ravel() - want).max()
    distance = float(difference / max(np.sqrt(np.mean(want**2)), 1e-12))
    if not distance <= limit:
        raise ExportError(f"self-test: {what} differs by {distance:.3g} of its rms, allowed is {limit:g}")
    return distance
