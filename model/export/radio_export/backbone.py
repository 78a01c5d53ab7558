"""Chooses and builds the backbone module of a version, with the facts the manifest records about it."""

from dataclasses import dataclass

import torch
from torch import nn

from radio_export.checkpoint import Checkpoint
from radio_export.eradio import PATCH, STRIDE
from radio_export.eradio_weights import build_eradio
from radio_export.errors import ExportError
from radio_export.options import ExportOptions
from radio_export.versions import Version, vitdet_period
from radio_export.vit_weights import build_vit

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass
class BuiltBackbone:
    """A module ready to be scripted. `space`: what sets its embedding space apart beside weights and era."""

    module: nn.Module
    precision: str
    patch_size: int
    resolution_step: int
    prefix_tokens: int
    feature_dim: int
    window: int
    mixed_sizes: bool
    default_layout: str
    space: list[str]


def choose_precision(checkpoint: Checkpoint, options: ExportOptions) -> str:
    """`--precision`, or the file's own `args.dtype` (float32 when it has none)."""
    if options.precision:
        return options.precision
    own = str(checkpoint.args.get("dtype") or "float32").replace("torch.", "")
    if own not in PRECISIONS:
        raise ExportError(f"checkpoint: args.dtype {own} is not served; give --precision float32 or bfloat16")
    return own


def build_backbone(checkpoint: Checkpoint, version: Version, options: ExportOptions) -> BuiltBackbone:
    """The backbone with its conditioner. ExportError on options that the version lacks, or on wrong keys."""
    if not options.vitdet_window and (options.vitdet_num_windowed or options.vitdet_num_global):
        raise ExportError("--vitdet-num-windowed, --vitdet-num-global: need --vitdet-window-size")
    if version.feature_normalizer and not checkpoint.part("_feature_normalizer."):
        raise ExportError("checkpoint: missing keys: _feature_normalizer.mean, _feature_normalizer.tx")
    precision = choose_precision(checkpoint, options)
    build = _build_eradio if version.dims.family == "eradio" else _build_vit
    return build(checkpoint, version, options, precision)


def _build_vit(checkpoint: Checkpoint, version: Version, options: ExportOptions, precision: str) -> BuiltBackbone:
    if options.eradio_window != "optimal":
        raise ExportError(f"--eradio-window: {version.name} is not an E-RADIO")
    window, period = options.vitdet_window or 0, 0

    def choose_period(depth: int) -> int:
        nonlocal period
        period = vitdet_period(version, depth, options.vitdet_num_windowed, options.vitdet_num_global, options.era)
        return period

    module = build_vit(checkpoint, PRECISIONS[precision], options.era == "2024", window, choose_period)
    return BuiltBackbone(
        module=module,
        precision=precision,
        patch_size=module.patch_size,
        resolution_step=module.patch_size * (window or 1),
        prefix_tokens=module.prefix_tokens,
        feature_dim=module.prefix.shape[1],
        window=window,
        mixed_sizes=True,
        default_layout="NLC",
        space=[f"vitdet{window}-{period}"] if window else [],
    )


def _build_eradio(checkpoint: Checkpoint, version: Version, options: ExportOptions, precision: str) -> BuiltBackbone:
    if options.vitdet_window:
        raise ExportError(f"--vitdet-window-size: {version.name} does not support ViTDet windows")
    window = 0 if options.eradio_window == "optimal" else int(options.eradio_window)
    module = build_eradio(checkpoint, PRECISIONS[precision], window, version.early_eradio)
    return BuiltBackbone(
        module=module,
        precision=precision,
        patch_size=PATCH,
        resolution_step=STRIDE,
        prefix_tokens=1,
        feature_dim=module.feature_dim,
        window=window,
        mixed_sizes=False,
        default_layout="NHWC",
        space=[f"window-{options.eradio_window}"],
    )
