"""Strict loading: a module's own parameter names against the tensors of a file."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from radio_export.errors import ExportError, listing


def count_blocks(names: Iterable[str], prefix: str) -> int:
    """1 + the highest N of `<prefix>N.`, 0 when there is none. ExportError when there are fewer keys than that."""
    numbers = [n[len(prefix) :].split(".")[0] for n in names if n.startswith(prefix)]
    count = max((int(n) for n in numbers if n.isdecimal()), default=-1) + 1
    if count > len(numbers):
        raise ExportError(f"checkpoint: missing keys: {prefix}N for most N below {count}")
    return count


def require(tensors: dict[str, Tensor], name: str, what: str, dims: int) -> Tensor:
    """`tensors[name]` with `dims` dimensions; ExportError naming a key (`what` + name) that is missing or misshapen."""
    if name not in tensors:
        raise ExportError(f"checkpoint: missing keys: {what}{name}")
    shape = tensors[name].shape
    if len(shape) != dims or 0 in shape:
        raise ExportError(f"checkpoint: wrong shapes: {what}{name} is {list(shape)}, not {dims} non-empty dimensions")
    return tensors[name]


def load_strict(module: nn.Module, tensors: dict[str, Tensor], name_in_file: Callable[[str], str]) -> None:
    """Fills `module` (built on the meta device); every key and shape must agree.

    `name_in_file` turns a parameter's name into the key a user can find in the file.
    ExportError naming missing, unknown and misshapen keys.
    """
    wanted = module.state_dict()
    problems: list[str] = []
    missing = [name_in_file(k) for k in wanted if k not in tensors]
    unknown = [name_in_file(k) for k in tensors if k not in wanted]
    shapes = [
        f"{name_in_file(k)} is {list(tensors[k].shape)}, not {list(v.shape)}"
        for k, v in wanted.items()
        if k in tensors and tensors[k].shape != v.shape
    ]
    for label, found in (("missing keys", missing), ("unknown keys", unknown), ("wrong shapes", shapes)):
        if found:
            problems.append(f"{label}: {listing(found)}")
    if problems:
        raise ExportError("checkpoint: " + "; ".join(problems))
    module.load_state_dict({k: v.detach() for k, v in tensors.items()}, strict=True, assign=True)
    module.requires_grad_(False)
    module.eval()


def fold_layer_scale(tensors: dict[str, Tensor], linear: str, scale: Tensor) -> None:
    """Multiplies the outputs of `<linear>.{weight,bias}` by `scale` `[out]`, in float32."""
    weight = tensors.get(linear + ".weight")
    if weight is None or weight.shape[:1] != scale.shape:
        return  # Strict loading names the missing or misshapen tensor.
    scale = scale.to(torch.float32)
    for suffix, factor in ((".weight", scale[:, None]), (".bias", scale)):
        if linear + suffix in tensors:
            tensors[linear + suffix] = tensors[linear + suffix].to(torch.float32) * factor


def cast(module: nn.Module, dtype: torch.dtype, keep: Iterable[str] = ()) -> None:
    """Floating-point parameters and buffers to `dtype`, those named in `keep` to float32."""
    keep = set(keep)
    for name, tensor in module.state_dict(keep_vars=True).items():
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(torch.float32 if name in keep else dtype).contiguous()
