"""`radio-export demo`: a checkpoint of a version's architecture with random weights.

It has the keys, shapes and arguments of a published file of that version, so it takes the same way through the
exporter. `tiny` keeps the teachers and their widths but has a small trunk and a small position table.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch

from radio_export.checkpoint import Checkpoint
from radio_export.eradio_layout import FULL_ERADIO, TINY_ERADIO, eradio_layout
from radio_export.versions import Architecture, Teacher, Version, registers

Layout = dict[str, tuple[int, ...]]

# OpenAI CLIP's normalisation of RGB in [0, 1], as in every published file.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Size:
    """`grid`: side of the position table in patches; `hidden`: width inside the heads."""

    arch: Architecture
    grid: int
    hidden: int


def size_of(version: Version, size: str) -> Size:
    """Dimensions of a `tiny` or `full` demo model."""
    arch = version.dims
    if size == "tiny":
        return Size(replace(arch, dim=192, depth=4, heads=3, mlp_dim=768 if arch.mlp_dim > 4096 else 512), 32, 96)
    return Size(arch, math.ceil(version.max_resolution / arch.patch_size), 1520)


def demo_checkpoint(version: Version, size: str, seed: int) -> Checkpoint:
    """Random weights from `seed`, equal on every machine with the same torch."""
    layout, args = demo_layout(version, size)
    generator = torch.Generator().manual_seed(seed)
    state = {key: _random(key, shape, generator) for key, shape in layout.items()}
    state["input_conditioner.norm_mean"] = torch.tensor(MEAN).view(3, 1, 1)
    state["input_conditioner.norm_std"] = torch.tensor(STD).view(3, 1, 1)
    return Checkpoint(state, args)


def demo_layout(version: Version, size: str) -> tuple[Layout, dict[str, Any]]:
    """(key -> shape, args) of a file of this version."""
    dims = size_of(version, size)
    if version.dims.family == "eradio":
        config = TINY_ERADIO if size == "tiny" else FULL_ERADIO
        layout, width, kwargs = eradio_layout(config, version.early_eradio), config.out_dim, config.model_kwargs()
    else:
        layout, width = vit_layout(version, dims), dims.arch.dim
        kwargs = {"embed_dim": width, "depth": dims.arch.depth, "num_heads": dims.arch.heads}
    layout = {f"base_model.{k}": v for k, v in layout.items()}
    layout.update({"input_conditioner.norm_mean": (3, 1, 1), "input_conditioner.norm_std": (3, 1, 1)})
    if version.feature_normalizer:
        layout.update({"_feature_normalizer.mean": (width,), "_feature_normalizer.tx": (width, width)})
    for index, teacher in enumerate(version.teachers):
        layout.update(_head_layout(teacher, index, width, dims.hidden, version.mlp_inner))
    return layout, _args(version, dims, kwargs)


def _args(version: Version, dims: Size, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": version.architecture,
        "model_kwargs": kwargs,
        "model_norm": version.final_norm,
        "gp": "avg" if version.name == "radio_v1" else None,
        "cpe_max_size": None if version.dims.family == "eradio" else dims.grid * dims.arch.patch_size,
        "cls_token_per_teacher": version.cls_token_per_teacher,
        "register_multiple": version.register_multiple,
        "cpe_num_registers": version.num_registers,
        "dtype": getattr(torch, version.dtype),
        "teachers": [_teacher_args(t) for t in version.teachers],
    }


def _teacher_args(teacher: Teacher) -> dict[str, Any]:
    return {
        "name": teacher.name,
        "type": teacher.type,
        "model": teacher.model,
        "pretrained": teacher.pretrained,
        "use_summary": teacher.use_summary,
    }


def vit_layout(version: Version, dims: Size) -> Layout:
    """Backbone keys behind `base_model.`, the unused ones of published files included."""
    arch, dim, patch_values = dims.arch, dims.arch.dim, 3 * dims.arch.patch_size**2
    student = arch.family == "student"
    num_cls = len(version.teachers) if version.cls_token_per_teacher else 1
    prefix = num_cls + registers(num_cls, version.register_multiple, version.num_registers)
    layout = {
        "patch_generator.embedder.weight": (dim, patch_values),
        "patch_generator.pos_embed": (1, dims.grid**2, dim),
        "patch_generator.cls_token.token": (prefix, dim),
    }
    if student:
        layout.update({"patch_generator.embedder.bias": (dim,), "mask_token": (1, dim)})
    for i in range(arch.depth):
        layout.update({f"blocks.{i}.{k}": v for k, v in _block_layout(arch, student).items()})
    if version.final_norm:
        layout.update(_affine("norm", dim))
    if version.name == "radio_v1":
        layout.update(_affine("fc_norm", dim))
    if arch.layer_scale and not student:
        layout["reg_token"] = (1, 4, dim)
    return {f"inner.{k}": v for k, v in layout.items()} if student else layout


def _block_layout(arch: Architecture, swiglu: bool) -> Layout:
    dim, mlp = arch.dim, arch.mlp_dim
    layout = {**_affine("norm1", dim), **_affine("norm2", dim)}
    layout.update({**_linear("attn.qkv", dim, 3 * dim), **_linear("attn.proj", dim, dim)})
    if swiglu:
        layout.update({**_linear("mlp.w12", dim, 2 * mlp), **_linear("mlp.w3", mlp, dim)})
    else:
        layout.update({**_linear("mlp.fc1", dim, mlp), **_linear("mlp.fc2", mlp, dim)})
    if arch.mlp_norm:
        layout.update(_affine("mlp.norm", mlp))
    if arch.layer_scale:
        layout.update({"ls1.grandma": (dim,), "ls2.grandma": (dim,)})
    return layout


def _head_layout(teacher: Teacher, index: int, dim: int, hidden: int, inner: int) -> Layout:
    layout = {}
    if teacher.summary_dim:
        layout.update(_mlp_layout(f"_heads.{index}.", dim, hidden, teacher.summary_dim, inner))
    prefix = f"_feature_projections.{index}."
    if teacher.spatial_mlp_version == "attn":
        block = _block_layout(Architecture(dim, 0, 0, 4 * dim), False)
        block.update({"ls1.gamma": (dim,), "ls2.gamma": (dim,)})
        del block["attn.qkv.bias"]
        layout.update({f"{prefix}blocks.{i}.{k}": v for i in range(2) for k, v in block.items()})
        layout.update(_mlp_layout(prefix + "mlp.", dim, hidden, teacher.feature_dim, 0))
    elif teacher.feature_dim:
        layout.update(_mlp_layout(prefix, dim, hidden, teacher.feature_dim, inner))
    return layout


def _mlp_layout(prefix: str, dim: int, hidden: int, out_dim: int, inner: int) -> Layout:
    layout = _linear(prefix + "fc1", dim, hidden)
    for i in range(inner):
        layout.update({**_affine(f"{prefix}blocks.{i}.0", hidden), **_linear(f"{prefix}blocks.{i}.2", hidden, hidden)})
    layout.update({**_affine(prefix + "final.0", hidden), **_linear(prefix + "final.2", hidden, out_dim)})
    return layout


def _affine(name: str, dim: int) -> Layout:
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}


def _linear(name: str, in_dim: int, out_dim: int) -> Layout:
    return {f"{name}.weight": (out_dim, in_dim), f"{name}.bias": (out_dim,)}


def _random(key: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Matrices keep the scale of their input, affine weights are near 1, everything else is small."""
    if key.endswith(("num_batches_tracked", "relative_position_index")):
        return torch.zeros(shape, dtype=torch.int64)
    noise = torch.randn(shape, generator=generator)
    if key.endswith("running_var"):
        return 1 + 0.1 * noise.tanh()
    if key.endswith("weight") and len(shape) == 1:
        return 1 + 0.1 * noise
    if key.endswith(("grandma", "gamma")):
        return 0.5 + 0.1 * noise
    if key.endswith("weight"):
        return noise / math.sqrt(math.prod(shape[1:]))
    return 0.2 * noise
