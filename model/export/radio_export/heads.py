"""Adaptor modules: one teacher's summary head and feature head, always float32.

Three kinds of head occur, told apart by their keys: `v1` (`fc2`), `v2` (`final.2`; every known file) and `attn`
(`blocks.0.attn`, feature heads only: two transformer blocks over an image's patch tokens, then a v2 MLP).
"""

import torch
from torch import Tensor, nn

from radio_export.errors import ExportError
from radio_export.vit import Block, BlockConfig, Linear, cumulative
from radio_export.weights import cast, count_blocks, fold_layer_scale, load_strict, require

HEAD_NORM_EPS = 1e-5  # Layer norms of the MLP heads (torch's default).
ATTN_NORM_EPS = 1e-6  # Layer norms of an attention head's blocks: timm 1.0.19 and later; 1e-5 before (differs < 3e-6).
ATTN_HEADS = 16


class MlpV2(nn.Module):
    """fc1; n times x + Linear(GELU(LN(x))); Linear(GELU(LN(x))). `[N, in]` -> `[N, out]`."""

    def __init__(self, in_dim: int, hidden: int, out_dim: int, inner: int):
        super().__init__()
        self.fc1 = Linear(in_dim, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden, eps=HEAD_NORM_EPS) for _ in range(inner))
        self.linears = nn.ModuleList(Linear(hidden, hidden) for _ in range(inner))
        self.final_norm = nn.LayerNorm(hidden, eps=HEAD_NORM_EPS)
        self.final = Linear(hidden, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        for norm, linear in zip(self.norms, self.linears):
            x = linear.add_to(x, nn.functional.gelu(norm(x)))
        return self.final(nn.functional.gelu(self.final_norm(x)))


class MlpV1(nn.Module):
    """fc1, LN, ReLU; n times Linear, LN, ReLU; fc2. `[N, in]` -> `[N, out]`."""

    def __init__(self, in_dim: int, hidden: int, out_dim: int, inner: int):
        super().__init__()
        self.fc1 = Linear(in_dim, hidden)
        self.norm = nn.LayerNorm(hidden, eps=HEAD_NORM_EPS)
        self.linears = nn.ModuleList(Linear(hidden, hidden) for _ in range(inner))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden, eps=HEAD_NORM_EPS) for _ in range(inner))
        self.fc2 = Linear(hidden, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.fc1(x)))
        for linear, norm in zip(self.linears, self.norms):
            x = torch.relu(norm(linear(x)))
        return self.fc2(x)


class MlpFeatures(nn.Module):
    """An MLP as a feature head: every token alone, the grid does not matter."""

    def __init__(self, mlp: nn.Module):
        super().__init__()
        self.mlp = mlp

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        return self.mlp(x)


class AttentionFeatures(nn.Module):
    """Transformer blocks inside each image's patch tokens, then an MLP."""

    def __init__(self, block: BlockConfig, depth: int, mlp: nn.Module):
        super().__init__()
        self.blocks = nn.ModuleList(Block(block) for _ in range(depth))
        self.mlp = mlp

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        cu_seqlens = cumulative(lengths, x.device)
        tokens = x.clone()  # Blocks add in place, and other heads read the same features.
        addend: Tensor | None = None
        for block in self.blocks:
            addend = block(tokens, addend, cu_seqlens, max(lengths))
        if addend is not None:
            tokens.add_(addend)
        return self.mlp(tokens)


def upsample(x: Tensor, grids: list[list[int]], factor: int) -> Tensor:
    """`[sum T_i, u^2 c]` with channels (u row, u column, c) -> `[sum u^2 T_i, c]`, row-major over (h u, w u)."""
    channels = x.size(1) // (factor * factor)
    parts: list[Tensor] = []
    start = 0
    for grid in grids:
        h, w = grid[0], grid[1]
        cells = x[start : start + h * w].view(h, w, factor, factor, channels)
        parts.append(cells.permute(0, 2, 1, 3, 4).reshape(-1, channels))
        start += h * w
    return torch.cat(parts)


class SummaryMixin(nn.Module):
    """`summary(prefix [B, n, D]) -> [B, C]` float32, from one prefix token."""

    token: torch.jit.Final[int]

    @torch.jit.export
    def summary(self, prefix: Tensor) -> Tensor:
        return self.summary_head(prefix[:, self.token].to(torch.float32))


class FeaturesMixin(nn.Module):
    """`features(features [sum T_i, D], grids int64 [B, 2] on the CPU) -> [sum u^2 T_i, D']` float32.

    `round_bfloat16`: today's reference casts a bfloat16 model's head output to bfloat16 first; in 2024 it did not.
    """

    factor: torch.jit.Final[int]
    round_bfloat16: torch.jit.Final[bool]

    @torch.jit.export
    def features(self, features: Tensor, grids: Tensor) -> Tensor:
        sizes: list[list[int]] = grids.tolist()
        x = self.feature_head(features.to(torch.float32), [size[0] * size[1] for size in sizes])
        if self.factor > 1:
            x = upsample(x, sizes, self.factor)
        return x.to(torch.bfloat16).to(torch.float32) if self.round_bfloat16 else x


class SummaryAdaptor(SummaryMixin):
    """A teacher with a summary head only."""


class FeatureAdaptor(FeaturesMixin):
    """A teacher with a feature head only."""


class FullAdaptor(SummaryMixin, FeaturesMixin):
    """A teacher with both heads."""


def build_head(tensors: dict[str, Tensor], where: str, attention_allowed: bool) -> tuple[nn.Module, int]:
    """(head, output width) from the tensors under `where` (key prefix, for messages). Strict, float32."""
    tensors = dict(tensors)
    if attention_allowed and any(k.startswith("blocks.0.attn.") for k in tensors):
        head, out_dim = _build_attention(tensors, where)
    else:
        head, out_dim = _build_mlp(tensors, where)
    cast(head, torch.float32)
    return head, out_dim


def _build_mlp(tensors: dict[str, Tensor], where: str) -> tuple[nn.Module, int]:
    hidden, in_dim = require(tensors, "fc1.weight", where, 2).shape
    names = {"final_norm": "final.0", "final": "final.2"}
    if "fc2.weight" in tensors:
        count, last = (count_blocks(tensors, "inner.") + 1) // 3, "fc2.weight"
        names = {f"linears.{n}": f"inner.{3 * n}" for n in range(count)}
        names.update({f"norms.{n}": f"inner.{3 * n + 1}" for n in range(count)})
        kind = MlpV1
    else:
        count, last, kind = count_blocks(tensors, "blocks."), "final.2.weight", MlpV2
        names.update({f"norms.{n}": f"blocks.{n}.0" for n in range(count)})
        names.update({f"linears.{n}": f"blocks.{n}.2" for n in range(count)})
    out_dim = require(tensors, last, where, 2).shape[0]
    with torch.device("meta"):
        head = kind(in_dim, hidden, out_dim, count)
    ours = {theirs: mine for mine, theirs in names.items()}
    load_strict(head, {_renamed(k, ours): v for k, v in tensors.items()}, lambda name: where + _renamed(name, names))
    return head, out_dim


def _renamed(key: str, modules: dict[str, str]) -> str:
    """`key` with its module (all but the last part) replaced where `modules` names it."""
    module, _, parameter = key.rpartition(".")
    return f"{modules.get(module, module)}.{parameter}"


def _build_attention(tensors: dict[str, Tensor], where: str) -> tuple[nn.Module, int]:
    depth = count_blocks(tensors, "blocks.")
    dim = require(tensors, "blocks.0.attn.proj.weight", where, 2).shape[0]
    mlp_dim = require(tensors, "blocks.0.mlp.fc1.weight", where, 2).shape[0]
    if dim % ATTN_HEADS:
        raise ExportError(f"checkpoint: {where}blocks: width {dim} is not a multiple of {ATTN_HEADS} heads")
    blocks = {k: v for k, v in tensors.items() if k.startswith("blocks.")}
    for i in range(depth):
        for scale, linear in (("ls1", "attn.proj"), ("ls2", "mlp.fc2")):
            gamma = require(blocks, f"blocks.{i}.{scale}.gamma", where, 1)
            del blocks[f"blocks.{i}.{scale}.gamma"]
            fold_layer_scale(blocks, f"blocks.{i}.{linear}", gamma)
    rest = [where + k for k in tensors if not k.startswith(("blocks.", "mlp."))]
    if rest:
        raise ExportError(f"checkpoint: unknown keys: {', '.join(rest)}")
    mlp, out_dim = _build_mlp({k[4:]: v for k, v in tensors.items() if k.startswith("mlp.")}, where + "mlp.")
    config = BlockConfig(dim, ATTN_HEADS, mlp_dim, qkv_bias=False, norm_eps=ATTN_NORM_EPS)
    with torch.device("meta"):
        head = AttentionFeatures(config, depth, nn.Identity())
    load_strict(head, blocks, lambda name: where + name)
    head.mlp = mlp
    return head, out_dim
