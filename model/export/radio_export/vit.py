"""The ViT of every RADIO version but E-RADIO, as one scriptable module over packed tokens.

Images of different sizes share one sequence `[sum(n + T_i), D]`: per image its n prefix tokens, then its T_i patch
tokens. Only attention knows where an image ends. Facts (layer norm eps, token order, window rule) are those of the
published model family; they were checked against recorded outputs of small models.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radio_export import ops

ops.register()

NORM_EPS = 1e-6  # norm1, norm2, final norm of a block (timm's VisionTransformer).
MLP_NORM_EPS = 1e-5  # Layer norm between GELU and fc2 of radio_v2 and radio_v2.1 (torch's default).


@dataclass
class BlockConfig:
    """One transformer block. `mlp_dim` is the inner width; with `swiglu` that of one of the two halves."""

    dim: int
    heads: int
    mlp_dim: int
    qkv_bias: bool = True
    mlp_norm: bool = False
    swiglu: bool = False
    norm_eps: float = NORM_EPS


@dataclass
class VitConfig:
    """A whole backbone. `grid`: side of the position table; `window`: ViTDet window in patches, 0 without."""

    block: BlockConfig
    depth: int
    patch_size: int
    grid: int
    prefix_tokens: int
    embedder_bias: bool = False
    final_norm: bool = False
    feature_normalizer: bool = False
    align_corners: bool = False
    window: int = 0
    window_period: int = 0


class Linear(nn.Module):
    """`radio::linear` with a weight `[out, in]` and an optional bias `[out]`."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.radio.linear(x, self.weight, self.bias, None, "none")

    @torch.jit.export
    def gelu(self, x: Tensor) -> Tensor:
        return torch.ops.radio.linear(x, self.weight, self.bias, None, "gelu")

    @torch.jit.export
    def add_to(self, residual: Tensor, x: Tensor) -> Tensor:
        return torch.ops.radio.linear(x, self.weight, self.bias, residual, "none")


class AddNorm(nn.Module):
    """Layer norm of the residual stream after something was added to it; weight and bias are always float32."""

    eps: torch.jit.Final[float]

    def __init__(self, dim: int, eps: float):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(dim))
        self.bias = nn.Parameter(torch.empty(dim))

    def forward(self, residual: Tensor, addend: Tensor | None, dtype: torch.dtype) -> Tensor:
        """Adds `addend` to the float32 `residual` in place; the norm of the sum in `dtype`."""
        return torch.ops.radio.add_layer_norm_(residual, addend, self.weight, self.bias, self.eps, dtype)


class Attention(nn.Module):
    """Softmax attention inside segments; qkv rows are (q, k, v), each head-major."""

    def __init__(self, config: BlockConfig):
        super().__init__()
        self.heads: int = config.heads
        self.head_dim: int = config.dim // config.heads
        self.scale: float = self.head_dim**-0.5
        self.qkv = Linear(config.dim, 3 * config.dim, config.qkv_bias)
        self.proj = Linear(config.dim, config.dim)

    def forward(self, x: Tensor, cu_seqlens: Tensor, max_seqlen: int) -> Tensor:
        qkv = self.qkv(x).view(x.size(0), 3, self.heads, self.head_dim)
        q, k, v = qkv.unbind(1)
        out = torch.ops.radio.varlen_attention(q, k, v, cu_seqlens, max_seqlen, self.scale)
        return self.proj(out.view(x.size(0), self.heads * self.head_dim))


class Mlp(nn.Module):
    """`fc2(norm(gelu(fc1(x))))`; `norm` is the identity in most versions."""

    def __init__(self, config: BlockConfig):
        super().__init__()
        self.fc1 = Linear(config.dim, config.mlp_dim)
        self.norm = nn.LayerNorm(config.mlp_dim, eps=MLP_NORM_EPS) if config.mlp_norm else nn.Identity()
        self.fc2 = Linear(config.mlp_dim, config.dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.norm(self.fc1.gelu(x)))


class SwiGlu(nn.Module):
    """`w3(silu(a) * b)` with `[a, b] = w12(x)`: the MLP of radio_v2.5-g."""

    def __init__(self, config: BlockConfig):
        super().__init__()
        self.w12 = Linear(config.dim, 2 * config.mlp_dim)
        self.w3 = Linear(config.mlp_dim, config.dim)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.w12(x).chunk(2, dim=1)
        return self.w3(nn.functional.silu(a) * b)


class Block(nn.Module):
    """Pre-norm block over packed tokens `[N, D]`. Layer scale is folded into `proj` and the last MLP weight.

    The residual stream is float32 whatever the weights are: rounding it after every layer would cost a bfloat16 model
    about a third of its accuracy. What a layer gives is added where the next norm reads the stream anyway.
    """

    def __init__(self, config: BlockConfig):
        super().__init__()
        self.norm1 = AddNorm(config.dim, config.norm_eps)
        self.attn = Attention(config)
        self.norm2 = AddNorm(config.dim, config.norm_eps)
        self.mlp = SwiGlu(config) if config.swiglu else Mlp(config)

    def forward(self, residual: Tensor, addend: Tensor | None, cu_seqlens: Tensor, max_seqlen: int) -> Tensor:
        """Adds `addend` (what the block before gave) and the attention in place; the MLP's result is still to add."""
        dtype = self.attn.qkv.weight.dtype
        attended = self.attn(self.norm1(residual, addend, dtype), cu_seqlens, max_seqlen)
        return self.mlp(self.norm2(residual, attended, dtype))


class WindowedBlock(nn.Module):
    """A block and its place in the ViTDet pattern: `enter` windows before it, or `leave` them, or neither."""

    windowed: torch.jit.Final[bool]
    enter: torch.jit.Final[bool]
    leave: torch.jit.Final[bool]

    def __init__(self, config: BlockConfig, windowed: bool, previous_windowed: bool):
        super().__init__()
        self.windowed = windowed
        self.enter = windowed and not previous_windowed
        self.leave = previous_windowed and not windowed
        self.block = Block(config)


class FeatureNormalizer(nn.Module):
    """`(x - mean) tx^T` in float32 on patch tokens (radio_v2.5-h-norm)."""

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("mean", torch.empty(dim))
        self.register_buffer("tx", torch.empty(dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x - self.mean, self.tx)


def window_pattern(depth: int, period: int) -> list[bool]:
    """Which blocks are windowed: all but every `period`-th and the last. `period` 0: none."""
    return [period > 0 and i < depth - 1 and i % period != period - 1 for i in range(depth)]


def window_order(heights: list[int], widths: list[int], window: int, device: torch.device) -> Tensor:
    """int64 `[sum T_i]`: row-major patch indices of the packed batch, listed window by window."""
    parts: list[Tensor] = []
    start = 0
    for h, w in zip(heights, widths):
        grid = torch.arange(start, start + h * w, device=device)
        grid = grid.view(h // window, window, w // window, window).permute(0, 2, 1, 3)
        parts.append(grid.reshape(-1))
        start += h * w
    return torch.cat(parts)


def pack(prefix: Tensor, patches: Tensor, lengths: list[int]) -> Tensor:
    """`[sum(n + T_i), D]` from `prefix` `[B, n, D]` and `patches` `[sum T_i, D]`."""
    parts: list[Tensor] = []
    start = 0
    for i, length in enumerate(lengths):
        parts.append(prefix[i])
        parts.append(patches[start : start + length])
        start += length
    return torch.cat(parts)


def unpack(tokens: Tensor, prefix_tokens: int, lengths: list[int]) -> tuple[Tensor, Tensor]:
    """The inverse of `pack`: (`[B, n, D]`, `[sum T_i, D]`)."""
    prefix: list[Tensor] = []
    patches: list[Tensor] = []
    start = 0
    for length in lengths:
        prefix.append(tokens[start : start + prefix_tokens])
        patches.append(tokens[start + prefix_tokens : start + prefix_tokens + length])
        start += prefix_tokens + length
    return torch.stack(prefix), torch.cat(patches)


def cumulative(lengths: list[int], device: torch.device) -> Tensor:
    """int32 `[S + 1]`: 0 and the running sums of `lengths`. From pinned memory: the host waits for no device."""
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    host = torch.tensor(ends, dtype=torch.int32)
    return host if device.type == "cpu" else host.pin_memory().to(device, non_blocking=True)


class VitBackbone(nn.Module):
    """Conditioner, patch embedding, prefix tokens, blocks and final norm; see docs/artefacts.md for `forward`.

    `mean`, `std` `[3]`, `pos_embed` `[R, R, D]`, `prefix` `[n, D]` and norms are float32 whatever the precision.
    """

    patch_size: torch.jit.Final[int]
    prefix_tokens: torch.jit.Final[int]
    align_corners: torch.jit.Final[bool]
    window: torch.jit.Final[int]

    def __init__(self, config: VitConfig):
        super().__init__()
        dim = config.block.dim
        self.patch_size = config.patch_size
        self.prefix_tokens = config.prefix_tokens
        self.align_corners = config.align_corners
        self.window = config.window
        self.register_buffer("mean", torch.empty(3))
        self.register_buffer("std", torch.empty(3))
        self.embedder = Linear(3 * config.patch_size**2, dim, config.embedder_bias)
        self.pos_embed = nn.Parameter(torch.empty(config.grid, config.grid, dim))
        self.prefix = nn.Parameter(torch.empty(config.prefix_tokens, dim))
        windowed = window_pattern(config.depth, config.window_period if config.window else 0)
        self.blocks = nn.ModuleList(
            WindowedBlock(config.block, now, before) for now, before in zip(windowed, [False] + windowed)
        )
        self.norm = AddNorm(dim, NORM_EPS) if config.final_norm else None
        self.feature_normalizer = FeatureNormalizer(dim) if config.feature_normalizer else nn.Identity()

    def forward(self, images: list[Tensor], conditioned: list[bool]) -> tuple[Tensor, Tensor]:
        heights = [image.size(1) // self.patch_size for image in images]
        widths = [image.size(2) // self.patch_size for image in images]
        lengths = [h * w for h, w in zip(heights, widths)]
        patches = torch.ops.radio.patchify(
            images, conditioned, self.mean, self.std, self.patch_size, self.embedder.weight.dtype
        )
        position = torch.ops.radio.position_embedding(self.pos_embed, heights, widths, self.align_corners)
        patches = position + self.embedder(patches)
        prefix = self.prefix.expand(len(images), -1, -1)
        if self.window > 0:
            order = window_order(heights, widths, self.window, patches.device)
            prefix, patches = self.run_windowed(prefix, patches.index_select(0, order), lengths)
            patches = torch.empty_like(patches).index_copy_(0, order, patches)
        else:
            prefix, patches = self.run_blocks(prefix, patches, lengths)
        return prefix, self.feature_normalizer(patches).to(self.embedder.weight.dtype)

    def run_blocks(self, prefix: Tensor, patches: Tensor, lengths: list[int]) -> tuple[Tensor, Tensor]:
        """Blocks and final norm, every image one segment."""
        segments = [self.prefix_tokens + length for length in lengths]
        cu_seqlens = cumulative(segments, patches.device)
        tokens = pack(prefix, patches, lengths)
        addend: Tensor | None = None
        for block in self.blocks:
            addend = block.block(tokens, addend, cu_seqlens, max(segments))
        return unpack(self.finish(tokens, addend), self.prefix_tokens, lengths)

    def run_windowed(self, prefix: Tensor, patches: Tensor, lengths: list[int]) -> tuple[Tensor, Tensor]:
        """The same in ViTDet mode, patches in window order. Prefix tokens skip windowed blocks, unchanged."""
        segments = [self.prefix_tokens + length for length in lengths]
        cu_seqlens = cumulative(segments, patches.device)
        area = self.window * self.window
        cu_windows = torch.arange(0, patches.size(0) + 1, area, dtype=torch.int32, device=patches.device)
        tokens = pack(prefix, patches, lengths)
        addend: Tensor | None = None
        for block in self.blocks:
            if block.enter or block.leave:
                if addend is not None:
                    tokens.add_(addend)
                addend = None
            if block.enter:
                prefix, tokens = unpack(tokens, self.prefix_tokens, lengths)
            if block.leave:
                tokens = pack(prefix, tokens, lengths)
            if block.windowed:
                addend = block.block(tokens, addend, cu_windows, area)
            else:
                addend = block.block(tokens, addend, cu_seqlens, max(segments))
        return unpack(self.finish(tokens, addend), self.prefix_tokens, lengths)

    def finish(self, tokens: Tensor, addend: Tensor | None) -> Tensor:
        """The last block's result added, and the final norm if there is one; float32."""
        if self.norm is not None:
            return self.norm(tokens, addend, torch.float32)
        return tokens if addend is None else tokens.add_(addend)
