"""Reads a checkpoint as untrusted data: a restricted unpickler, then plain names and tensors."""

import argparse
import hashlib
import pickle
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from radio_export.errors import ExportError, listing
from radio_export.parametrize import bake

# Wrappers that training leaves in front of a key.
_WRAPPERS = re.compile(r"^(?:module\.|_orig_mod\.)+")


@dataclass
class Checkpoint:
    """What a file says: `state` {key: tensor}, `args` {name: value}, `sha256` of the file (empty for a demo).

    Keys are the official ones: `base_model.*`, `input_conditioner.*`, `_heads.K.*`, `_feature_projections.K.*`,
    `_feature_normalizer.*`, with parametrisations already baked into plain weights.
    """

    state: dict[str, torch.Tensor]
    args: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def part(self, *prefixes: str) -> dict[str, torch.Tensor]:
        """Tensors under the first of `prefixes` that occurs, the prefix removed; empty when none does."""
        for prefix in prefixes:
            found = {k[len(prefix) :]: v for k, v in self.state.items() if k.startswith(prefix)}
            if found:
                return found
        return {}

    def identity(self) -> str:
        """Hex digest that two files share only when they are the same: of the file, or of a demo's weights."""
        if self.sha256:
            return self.sha256
        digest = hashlib.sha256()
        for key, tensor in self.state.items():
            digest.update(key.encode() + tensor.flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Lower-case hex SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def text_sha256(text: str) -> str:
    """Lower-case hex SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_checkpoint(path: Path) -> Checkpoint:
    """A `.pth.tar` file. ExportError when it is absent, truncated, unsafe or not a RADIO checkpoint."""
    if not path.is_file():
        raise ExportError(f"checkpoint: {path} is not a file")
    content = load_restricted(path)
    state = _select_state(content, path)
    args = content.get("args")
    args = vars(args) if isinstance(args, argparse.Namespace) else args
    if not isinstance(args, dict) or not isinstance(args.get("model"), str):
        raise ExportError(f"checkpoint: {path} is not a RADIO checkpoint: it has no args naming the model")
    return Checkpoint(bake(clean_names(state), args), dict(args), file_sha256(path))


def integer(values: dict[str, Any], name: str, default: int) -> int:
    """`values[name]`, a whole number from 1 on; `default` when absent. ExportError for anything else."""
    value = values.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ExportError(f"checkpoint: args: {name} must be a positive whole number, not {value!r}")
    return value


def model_kwargs(args: dict[str, Any]) -> dict[str, Any]:
    """`args.model_kwargs`, empty when absent."""
    value = args.get("model_kwargs") or {}
    if not isinstance(value, dict):
        raise ExportError(f"checkpoint: args: model_kwargs must be a dict, not {type(value).__name__}")
    return value


def load_restricted(path: Path) -> dict[str, Any]:
    """The dict in a `torch.save` file. Only tensors, plain values and `argparse.Namespace` are ever built."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as e:
        found = re.search(r"(?:GLOBAL|Unsupported class|Unsupported global:?)\s*(?:GLOBAL )?([\w.]+)", str(e))
        what = f"it holds {found.group(1)}" if found else "it is not a checkpoint that can be read safely"
        raise ExportError(f"checkpoint: {path} refused: {what}; only tensors and plain arguments are read") from None
    except Exception as e:
        reason = (str(e) or type(e).__name__).splitlines()[0]
        raise ExportError(f"checkpoint: {path} cannot be read (truncated or not a checkpoint): {reason}") from None
    if not isinstance(content, dict):
        raise ExportError(f"checkpoint: {path} is not a RADIO checkpoint: it holds {type(content).__name__}, not dict")
    return content


def _select_state(content: dict[str, Any], path: Path) -> dict[str, torch.Tensor]:
    """The averaged weights where there are some, else the plain ones."""
    for name in ("state_dict_ema", "state_dict"):
        state = content.get(name)
        if isinstance(state, dict) and state:
            check_tensors(state)
            return state
    raise ExportError(f"checkpoint: {path} is not a RADIO checkpoint: it has no state_dict")


def check_tensors(state: dict[Any, Any]) -> None:
    """ExportError for entries that are no plain tensors, or whose shape is larger than the data behind it."""
    odd = [str(k) for k, v in state.items() if not isinstance(k, str) or not isinstance(v, torch.Tensor)]
    odd = odd or [k for k, v in state.items() if v.layout != torch.strided or v.is_quantized]
    odd = odd or [k for k, v in state.items() if v.numel() * v.element_size() > v.untyped_storage().nbytes()]
    if odd:
        raise ExportError(f"checkpoint: entries that are no plain tensors: {listing(odd)}")


def clean_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Keys without training wrappers, at the key's start and behind `base_model.`. ExportError when two collide."""
    cleaned = {}
    for key, tensor in state.items():
        name = _WRAPPERS.sub("", key)
        if name.startswith("base_model."):
            name = "base_model." + _WRAPPERS.sub("", name[len("base_model.") :])
        if name in cleaned:
            raise ExportError(f"checkpoint: two tensors are called {name}")
        cleaned[name] = tensor
    return cleaned
