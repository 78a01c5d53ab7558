"""The recorded self-test: a few small images and what the modules on disk make of them."""

from pathlib import Path

import numpy as np
import torch

from radio_export import ops
from radio_export.errors import ExportError

ops.register()

# Image sides in units of the model's resolution step. Different shapes where one batch may mix them; only two with
# windows, whose steps are large; one shape twice where a batch must have one shape.
_PLAIN = ((2, 3), (4, 2), (3, 3))
_WINDOWED = ((1, 1), (1, 2))
_ONE_SHAPE = ((2, 3), (2, 3))


def make_image(height: int, width: int, index: int) -> np.ndarray:
    """uint8 `[height, width, 3]` from integer arithmetic: slopes and a checkerboard, different for each `index`."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    slope = (x * (3 + index) + y * (7 - index) + c * 61) % 511
    checker = ((x // (5 + index) + y // 9 + c) % 2) * 90
    return ((np.where(slope < 256, slope, 511 - slope) * 165) // 255 + checker).astype(np.uint8)


def make_images(step: int, windowed: bool, mixed_sizes: bool) -> list[np.ndarray]:
    """The self-test's images for a model with this resolution step (pixels)."""
    sizes = _ONE_SHAPE if not mixed_sizes else _WINDOWED if windowed else _PLAIN
    return [make_image(h * step, w * step, i) for i, (h, w) in enumerate(sizes)]


def run_artefact(directory: Path, manifest, images: list[np.ndarray]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """{`backbone` or adaptor: (summary `[B, C]`, packed features `[sum T, D]`)}, float32, modules read from disk.

    A head that does not exist gives an empty tensor.
    """
    patch = manifest.patch_size
    tensors = [torch.from_numpy(image).permute(2, 0, 1) for image in images]
    grids = torch.tensor([[t.shape[1] // patch, t.shape[2] // patch] for t in tensors])
    outputs = {}
    with torch.inference_mode(), torch.jit.optimized_execution(False):  # Each module runs once.
        backbone = torch.jit.load(str(directory / manifest.backbone.name), map_location="cpu")
        prefix, features = backbone(tensors, [False] * len(tensors))
        summary = prefix[:, list(manifest.summary_indices)].flatten(1)
        outputs["backbone"] = (summary.float(), features.float())
        del backbone
        for adaptor in manifest.adaptors:
            module = torch.jit.load(str(directory / adaptor.file.name), map_location="cpu")
            outputs[adaptor.name] = (
                module.summary(prefix) if adaptor.summary_dim else torch.empty(0),
                module.features(features, grids) if adaptor.feature_dim else torch.empty(0),
            )
    return outputs


def record(directory: Path, manifest) -> None:
    """Fills `manifest.self_test` from the modules in `directory`. ExportError when an output is not finite."""
    windowed = manifest.HasField("window_size") and manifest.mixed_sizes
    images = make_images(manifest.resolution_step, windowed, manifest.mixed_sizes)
    for image in images:
        manifest.self_test.images.add(height=image.shape[0], width=image.shape[1], pixels=image.tobytes())
    for name, (summary, features) in run_artefact(directory, manifest, images).items():
        if not (summary.isfinite().all() and features.isfinite().all()):
            raise ExportError(f"self-test: {name} gives values that are not finite")
        manifest.self_test.outputs.add(adaptor=name, summary=_to_bytes(summary), features=_to_bytes(features))


def _to_bytes(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().numpy().astype("<f4").tobytes()
