"""From a checkpoint's `base_model.*` tensors to a filled `EradioBackbone`."""

import re

import torch
from torch import Tensor

from radio_export.checkpoint import Checkpoint
from radio_export.eradio import MAX_WINDOW, EradioBackbone, EradioConfig
from radio_export.eradio_attention import AttentionConfig
from radio_export.errors import ExportError
from radio_export.vit_weights import conditioner
from radio_export.weights import cast, count_blocks, load_strict, require

BN_EPS = 1e-5
# Never used by the published model: the trunk's own batch norm and classifier, counters, and tables that are
# recomputed (the stored bias is a cache that differs from what the weights give).
_UNUSED = re.compile(r"^(norm|head)\.|\.num_batches_tracked$|\.relative_(coords_table|position_index|bias)$")
_WHERE = "base_model."


def build_eradio(checkpoint: Checkpoint, dtype: torch.dtype, window: int) -> EradioBackbone:
    """The backbone in `dtype`; `window` in tokens, 0 for the `optimal` rule. ExportError naming wrong keys."""
    stored = checkpoint.part(_WHERE)
    tables = {v.shape for k, v in stored.items() if k.endswith(".relative_coords_table")}
    pretrained = {(shape[1] + 1) // 2 for shape in tables if len(shape) == 4 and shape[1] > 1}
    tensors = fold_batch_norms({k: v for k, v in stored.items() if not _UNUSED.search(k)})
    config = _config(tensors)
    config.window = window
    config.pretrained_window = pretrained.pop() if pretrained else MAX_WINDOW
    with torch.device("meta"):
        module = EradioBackbone(config)
    tensors.update(conditioner(checkpoint))
    load_strict(module, tensors, _file_name)
    float32 = [name for name in tensors if name in ("mean", "std") or ".cpb_mlp." in name]
    cast(module, dtype, float32)
    return module


def fold_batch_norms(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every `X.conv` + `X.bn`, and every `X.conv1` + `X.norm` of the neck, as one convolution with a bias."""
    folded = dict(tensors)
    for key in tensors:
        found = re.match(r"^(.*)\.(bn|norm)\.running_mean$", key)
        if found:
            module, norm = found.groups()
            _fold_one(folded, module, norm, "conv" if norm == "bn" else "conv1")
    return folded


def _fold_one(tensors: dict[str, Tensor], module: str, norm: str, conv: str) -> None:
    """w' = w gamma / sqrt(var + eps), b' = (b - mean) gamma / sqrt(var + eps) + beta, float32."""
    weight = require(tensors, f"{module}.{conv}.weight", _WHERE, 4).to(torch.float32)
    names = [f"{module}.{norm}.{n}" for n in ("weight", "bias", "running_mean", "running_var")]
    gamma, beta, mean, variance = (require(tensors, name, _WHERE, 1).to(torch.float32) for name in names)
    bias = tensors.get(f"{module}.{conv}.bias", torch.zeros_like(beta)).to(torch.float32)
    if {t.shape for t in (gamma, beta, mean, variance, bias)} != {weight.shape[:1]}:
        raise ExportError(f"checkpoint: wrong shapes: {_WHERE}{module}.{norm} is not as wide as {conv}")
    factor = gamma * torch.rsqrt(variance + BN_EPS)
    tensors[f"{module}.{conv}.weight"] = weight * factor[:, None, None, None]
    tensors[f"{module}.{conv}.bias"] = (bias - mean) * factor + beta
    for name in names:
        del tensors[name]


def _config(tensors: dict[str, Tensor]) -> EradioConfig:
    dim, stem = require(tensors, "patch_embed.conv_down.2.conv.weight", _WHERE, 4).shape[:2]
    convs = [count_blocks(tensors, f"levels.{level}.blocks.m.") for level in (0, 1)]
    dims = [dim * 2**level for level in range(4)]
    out = require(tensors, "high_res_neck.neck_features_proj.0.conv2.weight", _WHERE, 4).shape[0]
    return EradioConfig(stem, dims, convs, [_blocks(tensors, level, dims[level]) for level in (2, 3)], out)


def _blocks(tensors: dict[str, Tensor], level: int, dim: int) -> list[list[AttentionConfig]]:
    blocks = []
    for i in range(count_blocks(tensors, f"levels.{level}.blocks.")):
        prefix = f"levels.{level}.blocks.{i}.attention_blocks."
        blocks.append([_attention(tensors, f"{prefix}{j}.", dim) for j in range(count_blocks(tensors, prefix))])
    return blocks


def _attention(tensors: dict[str, Tensor], prefix: str, dim: int) -> AttentionConfig:
    heads, hidden = require(tensors, prefix + "attn.pos_emb_funct.cpb_mlp.2.weight", _WHERE, 2).shape
    mlp_dim = require(tensors, prefix + "mlp.fc1.weight", _WHERE, 2).shape[0]
    return AttentionConfig(dim, heads, mlp_dim, prefix + "downsample_op.weight" in tensors, hidden)


def _file_name(name: str) -> str:
    return f"input_conditioner.norm_{name}" if name in ("mean", "std") else _WHERE + name
