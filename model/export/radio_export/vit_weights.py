"""From a checkpoint's `base_model.*` tensors to a filled `VitBackbone`."""

import math
from typing import Any

import torch
from torch import Tensor

from radio_export.checkpoint import Checkpoint, integer, model_kwargs
from radio_export.errors import ExportError
from radio_export.versions import ARCHITECTURES, Architecture
from radio_export.vit import AddNorm, BlockConfig, VitBackbone, VitConfig
from radio_export.weights import cast, count_blocks, fold_layer_scale, load_strict, require

# Keys that files of this family hold and the model does not use: timm's pooling norm and classifier, the register
# tokens of timm's DINOv2-style models, DINOv2's mask token, the conditioner inside the DINOv2 student.
UNUSED = ("fc_norm.", "head.", "reg_token", "mask_token", "input_conditioner.")
# Our names for the patch generator's tensors.
_RENAMED = {
    "patch_generator.embedder.weight": "embedder.weight",
    "patch_generator.embedder.bias": "embedder.bias",
    "patch_generator.pos_embed": "pos_embed",
    "patch_generator.cls_token.token": "prefix",
}
_FLOAT32 = ("mean", "std", "feature_normalizer.mean", "feature_normalizer.tx", "pos_embed", "prefix")


def build_vit(checkpoint: Checkpoint, dtype: torch.dtype, align_corners: bool, window: int, period) -> VitBackbone:
    """The backbone in `dtype`. `period`: function depth -> ViTDet period, called when `window` > 0.

    ExportError naming every missing, unknown or misshapen key.
    """
    args = checkpoint.args
    arch = ARCHITECTURES[args["model"]]
    inner = "inner." if arch.family == "student" else ""
    tensors = _backbone_tensors(checkpoint, inner)
    config = _config(tensors, args, arch, inner)
    config.align_corners, config.window = align_corners, window
    config.window_period = period(config.depth) if window else 0
    config.feature_normalizer = bool(checkpoint.part("_feature_normalizer."))
    if not config.final_norm:
        tensors = {k: v for k, v in tensors.items() if not k.startswith("norm.")}
    _fold(tensors, config, arch, bool(model_kwargs(args).get("scaled_ln")))
    tensors["pos_embed"] = tensors["pos_embed"].reshape(config.grid, config.grid, config.block.dim)
    with torch.device("meta"):
        module = VitBackbone(config)
    tensors = {_module_name(k): v for k, v in tensors.items()}
    tensors.update(conditioner(checkpoint))
    tensors.update({f"feature_normalizer.{k}": v for k, v in checkpoint.part("_feature_normalizer.").items()})
    load_strict(module, tensors, lambda name: _file_name(name, inner))
    norms = [name for name, part in module.named_modules() if isinstance(part, AddNorm)]
    cast(module, dtype, [*_FLOAT32, *(f"{norm}.{kind}" for norm in norms for kind in ("weight", "bias"))])
    return module


def conditioner(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """`mean` and `std`, float32 `[3]`, as the file stores them (half-stored files round them)."""
    found = checkpoint.part("input_conditioner.")
    return {
        ours: require(found, theirs, "input_conditioner.", 3).to(torch.float32).flatten()
        for ours, theirs in (("mean", "norm_mean"), ("std", "norm_std"))
    }


def _backbone_tensors(checkpoint: Checkpoint, inner: str) -> dict[str, Tensor]:
    tensors = {}
    for key, tensor in checkpoint.part("base_model.").items():
        name = key[len(inner) :] if key.startswith(inner) else key
        if not name.startswith(UNUSED):
            tensors[_RENAMED.get(name, name)] = tensor
    return tensors


def _config(tensors: dict[str, Tensor], args: dict[str, Any], arch: Architecture, inner: str) -> VitConfig:
    embedder, table, prefix = (_generator(tensors, name, inner) for name in ("embedder.weight", "pos_embed", "prefix"))
    dim = embedder.shape[0]
    patch_size, grid = math.isqrt(embedder.shape[1] // 3), math.isqrt(table.shape[1])
    if 3 * patch_size**2 != embedder.shape[1] or table.shape != (1, grid**2, dim):
        raise ExportError("checkpoint: the patch embedding or the position table is not square")
    _check_grid(args, arch, patch_size, grid)
    depth = count_blocks(tensors, "blocks.")
    expected = integer(model_kwargs(args), "depth", arch.depth)
    if not inner and depth != expected:
        raise ExportError(f"checkpoint: it holds {depth} blocks, not {expected}")
    final_norm = bool(inner) or (bool(args.get("model_norm")) and args.get("gp") != "avg")
    return VitConfig(
        _block_config(tensors, args, arch, dim, f"base_model.{inner}"),
        depth,
        patch_size,
        grid,
        prefix.shape[0],
        embedder_bias="embedder.bias" in tensors,
        final_norm=final_norm,
    )


def _generator(tensors: dict[str, Tensor], name: str, inner: str) -> Tensor:
    """A tensor of the patch generator; its key in the file goes into the error."""
    theirs = {ours: key for key, ours in _RENAMED.items()}[name]
    found = {theirs: tensors[name]} if name in tensors else {}
    return require(found, theirs, f"base_model.{inner}", 3 if name == "pos_embed" else 2)


def _block_config(
    tensors: dict[str, Tensor], args: dict[str, Any], arch: Architecture, dim: int, where: str
) -> BlockConfig:
    heads = integer(model_kwargs(args), "num_heads", arch.heads)
    if dim % heads:
        raise ExportError(f"checkpoint: width {dim} is not a multiple of {heads} heads (args.model_kwargs.num_heads)")
    swiglu = "blocks.0.mlp.w12.weight" in tensors
    if swiglu:
        mlp_dim = require(tensors, "blocks.0.mlp.w3.weight", where, 2).shape[1]
    else:
        mlp_dim = require(tensors, "blocks.0.mlp.fc1.weight", where, 2).shape[0]
    return BlockConfig(dim, heads, mlp_dim, mlp_norm=arch.mlp_norm, swiglu=swiglu)


def _check_grid(args: dict[str, Any], arch: Architecture, patch_size: int, grid: int) -> None:
    """The table must have the side that `args.cpe_max_size` (pixels) asks for, rounded up to whole patches."""
    if not args.get("cpe_max_size"):
        return
    cpe_max_size = integer(args, "cpe_max_size", 0)
    if cpe_max_size == arch.image_size:
        raise ExportError(f"checkpoint: args.cpe_max_size {cpe_max_size} switches resized positions off: unsupported")
    expected = math.ceil(round(cpe_max_size / patch_size) * patch_size / patch_size)
    if grid != expected:
        raise ExportError(f"checkpoint: the position table has side {grid}, args.cpe_max_size asks for {expected}")


def _fold(tensors: dict[str, Tensor], config: VitConfig, arch: Architecture, scaled_ln: bool) -> None:
    """Layer scale into the projections, `scaled_ln`'s 1 / sqrt(i + 1) into norm1 and norm2; drops the scale keys."""
    last = "mlp.w3" if config.block.swiglu else "mlp.fc2"
    layer_scale = arch.layer_scale or any(".ls1." in k for k in tensors)
    for i in range(config.depth):
        for scale, linear in (("ls1", "attn.proj"), ("ls2", last)) if layer_scale else ():
            names = [f"blocks.{i}.{scale}.{n}" for n in ("grandma", "gamma")]
            found = [tensors.pop(n) for n in names if n in tensors]
            if len(found) != 1:
                raise ExportError(f"checkpoint: missing keys: base_model.{names[1]} (or .grandma)")
            fold_layer_scale(tensors, f"blocks.{i}.{linear}", found[0])
        for norm in ("norm1", "norm2") if scaled_ln else ():
            for suffix in ("weight", "bias"):
                name = f"blocks.{i}.{norm}.{suffix}"
                if name in tensors:
                    tensors[name] = tensors[name].to(torch.float32) / math.sqrt(i + 1)


def _module_name(name: str) -> str:
    """`blocks.N.x` -> `blocks.N.block.x`: the module wraps each block."""
    parts = name.split(".")
    return ".".join([*parts[:2], "block", *parts[2:]]) if parts[0] == "blocks" else name


def _file_name(name: str, inner: str) -> str:
    """The key in the file of a name of ours, for error messages."""
    if name in ("mean", "std"):
        return f"input_conditioner.norm_{name}"
    if name.startswith("feature_normalizer."):
        return "_" + name
    theirs = {ours: key for key, ours in _RENAMED.items()}.get(name, name.replace(".block.", "."))
    return f"base_model.{inner}{theirs}"
