"""The five operators of the namespace `radio` (docs/artefacts.md): schemas and plain reference implementations.

The exporter records the self-test with these; the server brings its own. Where a process has already loaded a library
that defines them, `register` leaves that library in charge, so that the same modules can be run on either.
"""

import torch
import torch.nn.functional as F

SCHEMAS = {
    "patchify": "(Tensor[] images, bool[] conditioned, Tensor mean, Tensor std, int patch_size, ScalarType dtype)"
    " -> Tensor",
    "position_embedding": "(Tensor table, int[] heights, int[] widths, bool align_corners) -> Tensor",
    "varlen_attention": "(Tensor q, Tensor k, Tensor v, Tensor cu_seqlens, int max_seqlen, float scale) -> Tensor",
    "linear": "(Tensor input, Tensor weight, Tensor? bias, Tensor? residual, str activation) -> Tensor",
    "add_layer_norm_": "(Tensor(a!) residual, Tensor? addend, Tensor weight, Tensor bias, float eps, ScalarType dtype)"
    " -> Tensor",
}


def condition(image: torch.Tensor, conditioned: bool, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """float32 `[3, H, W]`: scaled to [0, 1] when uint8, then `(x - mean) / std` unless `conditioned`."""
    x = image.to(torch.float32)
    if image.dtype == torch.uint8:
        x = x / 255
    return x if conditioned else (x - mean.view(3, 1, 1)) / std.view(3, 1, 1)


def patchify(
    images: list[torch.Tensor],
    conditioned: list[bool],
    mean: torch.Tensor,
    std: torch.Tensor,
    patch_size: int,
    dtype: torch.dtype,
) -> torch.Tensor:
    """`[sum T_i, 3 p^2]`: patches in row-major order, each flattened as (channel, row, column)."""
    packed = []
    for image, done in zip(images, conditioned, strict=True):
        x = condition(image, done, mean, std)
        h, w = x.shape[1] // patch_size, x.shape[2] // patch_size
        x = x.reshape(3, h, patch_size, w, patch_size).permute(1, 3, 0, 2, 4)
        packed.append(x.reshape(h * w, 3 * patch_size * patch_size))
    return torch.cat(packed).to(dtype)


def position_embedding(table: torch.Tensor, heights: list[int], widths: list[int], align_corners: bool) -> torch.Tensor:
    """`[sum h_i w_i, D]`: the top-left crop of the table resized to max(h, w) squared; the native grid unchanged."""
    packed = []
    for h, w in zip(heights, widths, strict=True):
        grid = table
        if (h, w) != tuple(table.shape[:2]):
            side = max(h, w)
            square = table.permute(2, 0, 1).unsqueeze(0).to(torch.float32)
            square = F.interpolate(square, size=(side, side), mode="bilinear", align_corners=align_corners)
            grid = square[0, :, :h, :w].permute(1, 2, 0).to(table.dtype)
        packed.append(grid.reshape(h * w, table.shape[2]))
    return torch.cat(packed)


def varlen_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cu_seqlens: torch.Tensor, max_seqlen: int, scale: float
) -> torch.Tensor:
    """Softmax attention inside each segment `cu_seqlens[i]..cu_seqlens[i + 1]` of `[T, heads, head_dim]`."""
    ends = cu_seqlens.tolist()
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    for begin, end in zip(ends[:-1], ends[1:], strict=True):
        segment = [t[begin:end].transpose(0, 1).unsqueeze(0) for t in (q, k, v)]
        out[begin:end] = F.scaled_dot_product_attention(*segment, scale=scale)[0].transpose(0, 1)
    return out


def linear(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
    activation: str,
) -> torch.Tensor:
    """`act(input weight^T + bias) + residual`; ValueError for an activation other than `none` and `gelu` (erf)."""
    if activation not in ("none", "gelu"):
        raise ValueError(f"activation: must be none or gelu, not {activation!r}")
    out = F.linear(input, weight, bias)
    if activation == "gelu":
        out = F.gelu(out)
    return out if residual is None else out + residual


def add_layer_norm_(
    residual: torch.Tensor,
    addend: torch.Tensor | None,
    weight: torch.Tensor,
    bias: torch.Tensor,
    eps: float,
    dtype: torch.dtype,
) -> torch.Tensor:
    """`residual += addend` in place (float32 `[N, C]`); its layer norm, computed in float32, as `dtype`."""
    if addend is not None:
        residual.add_(addend)
    return F.layer_norm(residual, weight.shape, weight, bias, eps).to(dtype)


_libraries = []  # Holds the registration for the life of the process.


def register() -> bool:
    """Defines the operators unless the process already has them. Returns whether it did."""
    if hasattr(torch.ops.radio, "linear"):
        return False
    library = torch.library.Library("radio", "DEF")
    for name, schema in SCHEMAS.items():
        library.define(name + schema)
        library.impl(name, globals()[name], "CompositeExplicitAutograd")
    _libraries.append(library)
    return True
