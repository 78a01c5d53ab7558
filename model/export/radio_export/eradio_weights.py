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
# Never used by the published model: the trunk's classifier and (but for eradio_v1) its own batch norm, counters, and
# tables that are recomputed (the stored bias is a cache that differs from what the weights give).
_UNUSED = re.compile(r"^head\.|\.num_batches_tracked$|\.relative_(coords_table|position_index|bias)$")
_TRUNK_NORM = "norm."
# eradio_v1 keeps its neck's tensors one level higher.
_NECK, _EARLY_NECK = "high_res_neck.neck_features_proj.", "neck_features_proj."
_WHERE = "base_model."


def build_eradio(checkpoint: Checkpoint, dtype: torch.dtype, window: int, early: bool) -> EradioBackbone:
    """The backbone in `dtype`; `window` in tokens, 0 for the `optimal` rule; `early`: the layout of eradio_v1.

    ExportError naming wrong keys.
    """
    stored = checkpoint.part(_WHERE)
    tables = {v.shape for k, v in stored.items() if k.endswith(".relative_coords_table")}
    pretrained = {(shape[1] + 1) // 2 for shape in tables if len(shape) == 4 and shape[1] > 1}
    tensors = {k: v for k, v in stored.items() if not _UNUSED.search(k)}
    if early:
        tensors = fold_early_norms(tensors)
    else:
        tensors = {k: v for k, v in tensors.items() if not k.startswith(_TRUNK_NORM)}
    tensors = fold_batch_norms(tensors)
    config = _config(tensors, early)
    config.window = window
    config.pretrained_window = pretrained.pop() if pretrained else MAX_WINDOW
    if pretrained:
        raise ExportError("checkpoint: wrong shapes: relative_coords_table differs between blocks")
    with torch.device("meta"):
        module = EradioBackbone(config)
    tensors.update(conditioner(checkpoint))
    load_strict(module, tensors, lambda name: _file_name(name, early))
    float32 = [name for name in tensors if name.startswith(("mean", "std", _TRUNK_NORM)) or ".cpb_mlp." in name]
    cast(module, dtype, float32)
    return module


def fold_batch_norms(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every `X.conv` + `X.bn`, and every `X.conv1` + `X.norm` of the neck, as one convolution with a bias."""
    folded = dict(tensors)
    for key in tensors:
        found = re.match(r"^(.*)\.(bn|norm)\.running_mean$", key)
        if found:
            module, norm = found.groups()
            _fold_after(folded, f"{module}.{'conv' if norm == 'bn' else 'conv1'}", f"{module}.{norm}")
    return folded


def fold_early_norms(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The norms that eradio_v1 alone has: in front of the neck's `conv`, and of the trunk as `norm.{weight,bias}`.

    The neck's tensors get their later place.
    """
    folded = dict(tensors)
    for module in (f"{_EARLY_NECK}0", f"{_EARLY_NECK}1"):
        _fold_before(folded, f"{module}.conv", f"{module}.norm")
    folded["norm.weight"], folded["norm.bias"] = _take_norm(folded, "norm")
    return {_NECK + k[len(_EARLY_NECK) :] if k.startswith(_EARLY_NECK) else k: v for k, v in folded.items()}


def _fold_after(tensors: dict[str, Tensor], conv: str, norm: str) -> None:
    """norm(conv(x)) as `conv`: w' = w scale, b' = b scale + shift."""
    weight = require(tensors, f"{conv}.weight", _WHERE, 4).to(torch.float32)
    scale, shift = _take_norm(tensors, norm)
    bias = tensors.get(f"{conv}.bias", torch.zeros_like(shift)).to(torch.float32)
    _check_width(norm, conv, scale, weight[:, 0, 0, 0], bias)
    tensors[f"{conv}.weight"] = weight * scale[:, None, None, None]
    tensors[f"{conv}.bias"] = bias * scale + shift


def _fold_before(tensors: dict[str, Tensor], conv: str, norm: str) -> None:
    """conv(norm(x)) as `conv`, which must be 1 x 1: w' = w scale, b' = b + w shift."""
    weight = require(tensors, f"{conv}.weight", _WHERE, 4).to(torch.float32)
    bias = require(tensors, f"{conv}.bias", _WHERE, 1).to(torch.float32)
    scale, shift = _take_norm(tensors, norm)
    _check_width(norm, conv, scale, weight[0, :, 0, 0])
    _check_width(norm, conv, bias, weight[:, 0, 0, 0])
    tensors[f"{conv}.weight"] = weight * scale[:, None, None]
    tensors[f"{conv}.bias"] = bias + weight.sum(dim=[2, 3]) @ shift


def _take_norm(tensors: dict[str, Tensor], norm: str) -> tuple[Tensor, Tensor]:
    """The batch norm as x scale + shift, float32; its tensors are removed."""
    names = [f"{norm}.{n}" for n in ("weight", "bias", "running_mean", "running_var")]
    gamma, beta, mean, variance = (require(tensors, name, _WHERE, 1).to(torch.float32) for name in names)
    if len({t.shape for t in (gamma, beta, mean, variance)}) > 1:
        raise ExportError(f"checkpoint: wrong shapes: the tensors of {_WHERE}{norm} differ in width")
    for name in names:
        del tensors[name]
    scale = gamma * torch.rsqrt(variance + BN_EPS)
    return scale, beta - mean * scale


def _check_width(norm: str, conv: str, *vectors: Tensor) -> None:
    if len({v.shape for v in vectors}) > 1:
        raise ExportError(f"checkpoint: wrong shapes: {_WHERE}{norm} is not as wide as {_WHERE}{conv}")


def _config(tensors: dict[str, Tensor], early: bool) -> EradioConfig:
    dim, stem = require(tensors, "patch_embed.conv_down.2.conv.weight", _WHERE, 4).shape[:2]
    convs = [count_blocks(tensors, f"levels.{level}.blocks.m.") for level in (0, 1)]
    dims = [dim * 2**level for level in range(4)]
    out = require(tensors, f"{_NECK}0.conv.weight" if early else f"{_NECK}0.conv2.weight", _WHERE, 4).shape[0]
    if early and out != dims[-1]:
        raise ExportError(f"checkpoint: the summary has width {dims[-1]}, features have {out}: not supported")
    blocks = [_blocks(tensors, level, dims[level], early) for level in (2, 3)]
    return EradioConfig(stem, dims, convs, blocks, out, early)


def _blocks(tensors: dict[str, Tensor], level: int, dim: int, early: bool) -> list[list[AttentionConfig]]:
    blocks = []
    for i in range(count_blocks(tensors, f"levels.{level}.blocks.")):
        prefix = f"levels.{level}.blocks.{i}.attention_blocks."
        count = count_blocks(tensors, prefix)
        blocks.append([_attention(tensors, f"{prefix}{j}.", dim, early) for j in range(count)])
    return blocks


def _attention(tensors: dict[str, Tensor], prefix: str, dim: int, early: bool) -> AttentionConfig:
    heads, hidden = require(tensors, prefix + "attn.pos_emb_funct.cpb_mlp.2.weight", _WHERE, 2).shape
    mlp_dim = require(tensors, prefix + "mlp.fc1.weight", _WHERE, 2).shape[0]
    strided = prefix + "downsample_op.weight" in tensors
    return AttentionConfig(dim, heads, mlp_dim, strided, pre_conv=not strided and not early, hidden=hidden)


def _file_name(name: str, early: bool) -> str:
    """The key in the file of a name of ours, for error messages."""
    if name in ("mean", "std"):
        return f"input_conditioner.norm_{name}"
    return _WHERE + (name.replace(_NECK, _EARLY_NECK) if early else name)
