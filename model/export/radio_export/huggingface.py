"""Reads a Hugging Face model folder: `config.json` and safetensors (or `.bin`) files, in either of two layouts.

*Remote-code* folders keep the original arguments under `args` in the configuration; their keys only carry other
prefixes. *Native* folders are those of the transformers library's own RADIO model: no teachers, no heads, the summary
tokens listed in the configuration, and (in memory and in some files) names of its own.
"""

import json
import re
from pathlib import Path
from typing import Any

import torch

from radio_export.checkpoint import Checkpoint, check_tensors, file_sha256, load_restricted, text_sha256
from radio_export.errors import ExportError
from radio_export.parametrize import bake
from radio_export.versions import ARCHITECTURES, Version

# Order matters: the first prefix that fits is replaced.
_PREFIXES = (
    ("radio_model.model.", "base_model."),
    ("radio_model.input_conditioner.", "input_conditioner."),
    ("radio_model.summary_idxs", "summary_idxs"),
    ("embeddings.patch_projection.", "base_model.patch_generator.embedder."),
    ("embeddings.position_embedding", "base_model.patch_generator.pos_embed"),
    ("embeddings.cls_register_token", "base_model.patch_generator.cls_token.token"),
    ("encoder.layer.", "base_model.blocks."),
)
_ADAPTOR = re.compile(r"^radio_model\.adaptors\.([^.]+)\.(head_mlp|feat_mlp)\.")
_HEADS = {"head_mlp": "_heads", "feat_mlp": "_feature_projections"}
# Names inside a block, native -> original.
_INSIDE = (
    (".attention.o_proj.", ".attn.proj."),
    (".layer_scale1.lambda1", ".ls1.gamma"),
    (".layer_scale2.lambda1", ".ls2.gamma"),
)
# Patches of video, which no image needs.
_VIDEO = ("embeddings.video_patch_projection.", "radio_model.model.patch_generator.video_embedder.")
# What the native configuration must say for the ViT of this package to be the same model.
_NATIVE_RULES = {
    "layer_norm_eps": 1e-6,
    "hidden_act": "gelu",
    "qkv_bias": True,
    "num_channels": 3,
    "use_swiglu_ffn": False,
}


def read_folder(folder: Path, version: Version) -> Checkpoint:
    """The folder's model with official keys and arguments. ExportError when it is not a RADIO model folder."""
    config = _read_json(folder / "config.json")
    files = _weight_files(folder)
    state = {}
    for file in files:
        state.update(_load(file))
    check_tensors(state)
    native = not isinstance(config.get("args"), dict)
    args = _native_args(config, version, folder) if native else dict(config["args"])
    state = _rename(state)
    indices = state.pop("summary_idxs", None)
    if indices is not None:
        args["summary_idxs"] = indices.tolist()
    if not isinstance(args.get("model"), str):
        raise ExportError(f"checkpoint: {folder} is not a RADIO model: config.json names no model in args")
    return Checkpoint(bake(state, args), args, _folder_sha256(files))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExportError(f"checkpoint: {path} does not exist") from None
    except ValueError as e:
        raise ExportError(f"checkpoint: {path} is not JSON: {e}") from None
    if not isinstance(content, dict):
        raise ExportError(f"checkpoint: {path} holds no object")
    return content


def _weight_files(folder: Path) -> list[Path]:
    """The folder's weight files: one, or the parts that its index lists."""
    for stem in ("model.safetensors", "pytorch_model.bin"):
        if (folder / stem).is_file():
            return [folder / stem]
        if (folder / f"{stem}.index.json").is_file():
            parts = _read_json(folder / f"{stem}.index.json").get("weight_map")
            names = sorted(set(parts.values())) if isinstance(parts, dict) else []
            if not names or any(not isinstance(n, str) or Path(n).name != n for n in names):
                raise ExportError(f"checkpoint: {folder / stem}.index.json lists no plain file names")
            return [folder / name for name in names]
    raise ExportError(f"checkpoint: {folder} holds neither model.safetensors nor pytorch_model.bin")


def _load(file: Path) -> dict[str, torch.Tensor]:
    if not file.is_file():
        raise ExportError(f"checkpoint: {file} does not exist")
    if file.suffix != ".safetensors":
        return load_restricted(file)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(str(file))
    except SafetensorError as e:
        raise ExportError(f"checkpoint: {file} cannot be read (truncated or no safetensors): {e}") from None


def _folder_sha256(files: list[Path]) -> str:
    """Of the one weight file, or of the parts' digests, one line each."""
    digests = [file_sha256(file) for file in files]
    return digests[0] if len(digests) == 1 else text_sha256("".join(digest + "\n" for digest in digests))


def _native_args(config: dict[str, Any], version: Version, folder: Path) -> dict[str, Any]:
    """Arguments of the original layout out of a native configuration."""
    if config.get("model_type") != "radio" or "hidden_size" not in config:
        raise ExportError(f"checkpoint: {folder / 'config.json'} is not the configuration of a RADIO model")
    architecture = ARCHITECTURES[version.architecture]
    if architecture.family != "vit" or architecture.mlp_norm or version.feature_normalizer:
        raise ExportError(f"--version: {version.name} does not exist in the layout of {folder}")
    for name, value in _NATIVE_RULES.items():
        if config.get(name, value) != value:
            raise ExportError(f"checkpoint: config.json: {name} {config[name]!r} is not supported, only {value!r}")
    return {
        "model": version.architecture,
        "model_kwargs": {"depth": config.get("num_hidden_layers"), "num_heads": config.get("num_attention_heads")},
        "model_norm": False,
        "cpe_max_size": config.get("max_img_size"),
        "dtype": config.get("dtype") or config.get("torch_dtype"),
        "summary_idxs": config.get("summary_idxs"),
        "teachers": [],
    }


def _rename(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official keys; separate q, k and v joined to one matrix."""
    renamed: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        if not key.startswith(_VIDEO):
            renamed[_official(key)] = tensor
    for key in [k for k in renamed if ".attention.q_proj." in k]:
        names = [key.replace(".q_proj.", f".{n}_proj.") for n in "qkv"]
        missing = [name for name in names if name not in renamed]
        if missing:
            raise ExportError(f"checkpoint: missing keys: {', '.join(missing)}")
        parts = [renamed.pop(name) for name in names]
        if len({part.shape for part in parts}) > 1 or not parts[0].dim():
            raise ExportError(f"checkpoint: wrong shapes: {names[0]} and its k and v differ")
        renamed[key.replace(".attention.q_proj.", ".attn.qkv.")] = torch.cat(parts)
    return renamed


def _official(key: str) -> str:
    found = _ADAPTOR.match(key)
    if found:
        return f"{_HEADS[found.group(2)]}.{found.group(1)}.{key[found.end() :]}"
    for theirs, official in _PREFIXES:
        if key.startswith(theirs):
            key = official + key[len(theirs) :]
            break
    for theirs, official in _INSIDE:
        key = key.replace(theirs, official)
    return key
