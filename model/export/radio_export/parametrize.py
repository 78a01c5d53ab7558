"""Bakes weight parametrisations of training into plain weights.

A parametrised weight `X.weight` is stored as `X.parametrizations.weight.original` plus, for spectral normalisation,
buffers `X.parametrizations.weight.0.{_u,_v,scale,_sn_version}`, or `...0.parts.N.*` where the rows are normalised in
chunks: three for a fused qkv, two for a fused SwiGLU input. With no buffers the parametrisation is the identity.
"""

import re
from typing import Any

import torch
import torch.nn.functional as F

from radio_export.errors import ExportError, listing

_ORIGINAL = re.compile(r"^(.*)\.parametrizations\.(\w+)\.original$")
_DICT_EPS = 1e-12  # Default of the training option given as a dict.
_FLAG_EPS = 1e-6  # Value used when the option is simply True.
_CHUNKS = {"qkv": 3, "w12": 2}
_SCALE_OFFSET = 0.05  # Version 2 of the scale: softplus(scale) + 0.05.


def bake(state: dict[str, torch.Tensor], args: dict[str, Any]) -> dict[str, torch.Tensor]:
    """`state` with every parametrisation applied, in float32. ExportError when one is incomplete."""
    baked, buffers = {}, {}
    for key, tensor in state.items():
        (buffers if ".parametrizations." in key else baked)[key] = tensor
    for key in [k for k in buffers if _ORIGINAL.match(k)]:
        module, name = _ORIGINAL.match(key).groups()
        prefix = f"{module}.parametrizations.{name}.0."
        mine = {k[len(prefix) :]: buffers.pop(k) for k in list(buffers) if k.startswith(prefix)}
        weight = buffers.pop(key)
        if mine:
            weight = _spectral(module, weight, mine, _eps(args.get("spectral_reparam")))
        baked[f"{module}.{name}"] = weight
    if buffers:
        raise ExportError(f"checkpoint: parametrisations without a weight: {listing(buffers)}")
    return baked


def _eps(option: Any) -> float:
    if isinstance(option, dict):
        return float(option.get("eps", _DICT_EPS))
    return _FLAG_EPS if option is True else _DICT_EPS


def _spectral(module: str, weight: torch.Tensor, buffers: dict[str, torch.Tensor], eps: float) -> torch.Tensor:
    parts = {}
    for key, tensor in buffers.items():
        found = re.match(r"^(?:parts\.(\d)\.)?(_u|_v|scale|_sn_version)$", key)
        if not found:
            raise ExportError(f"checkpoint: unknown keys: {module}.parametrizations.weight.0.{key}")
        parts.setdefault(int(found.group(1) or 0), {})[found.group(2)] = tensor
    count = 1
    if any(k.startswith("parts.") for k in buffers):
        count = _CHUNKS.get(module.rsplit(".", 1)[-1], max(parts) + 1)
    if weight.dim() != 2 or max(parts) >= count:
        raise ExportError(f"checkpoint: spectral parametrisation of {module} does not fit its weight")
    chunks = list(weight.to(torch.float32).chunk(count))
    for index, part in parts.items():
        chunks[index] = _normalise(module, chunks[index], part, eps)
    return torch.cat(chunks)


def _normalise(module: str, weight: torch.Tensor, part: dict[str, torch.Tensor], eps: float) -> torch.Tensor:
    """W s / sigma, sigma = u^T W v + eps, after one power step as the reference takes it when it bakes."""
    missing = [k for k in ("_u", "_v", "scale") if k not in part]
    if missing or part["_v"].numel() != weight.shape[1] or part["scale"].numel() != 1:
        raise ExportError(f"checkpoint: spectral parametrisation of {module} is incomplete or misshapen")
    v = part["_v"].to(torch.float32).flatten()
    u = F.normalize(weight @ v, dim=0, eps=eps)
    v = F.normalize(weight.T @ u, dim=0, eps=eps)
    scale = part["scale"].to(torch.float32).reshape(())
    version = int(part["_sn_version"]) if "_sn_version" in part else 1
    if version >= 2:
        scale = F.softplus(scale) + _SCALE_OFFSET
    return weight * (scale / (u @ (weight @ v) + eps))
