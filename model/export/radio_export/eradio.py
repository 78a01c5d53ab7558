"""E-RADIO: a convolutional stem and two convolutional levels, two levels of windowed attention, a fusing neck.

One call takes images of one shape, both sides multiples of 32. Batch norms are folded into the convolutions before
them. Names follow the checkpoint, so that its keys load as they are. Facts are those of the published family.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radio_export import ops
from radio_export.vit import Linear

ops.register()

NORM_EPS = 1e-5  # Layer norms of the attention blocks (torch's default).
MAX_WINDOW = 16  # Largest window the `optimal` rule chooses.
STRIDE = 32  # Both sides of an image must be multiples of it.
PATCH = 16  # Stride of the feature grid.


@dataclass
class AttentionConfig:
    """One attention block. `strided`: attention on a map of half the resolution; `hidden`: width of the bias MLP."""

    dim: int
    heads: int
    mlp_dim: int
    strided: bool
    hidden: int


@dataclass
class EradioConfig:
    """`stem`, `dims`: channels of the stem and of the four levels; `convs`: inner steps of levels 0 and 1;
    `blocks[L][i]`: attention blocks of block i in level 2 + L; `window`: 0 for the `optimal` rule;
    `pretrained_window`: the window by which relative coordinates are normalised, whatever window is used."""

    stem: int
    dims: list[int]
    convs: list[int]
    blocks: list[list[list[AttentionConfig]]]
    out_dim: int
    window: int = 0
    pretrained_window: int = MAX_WINDOW


def optimal_window(height: int, width: int, stride: int = STRIDE, largest: int = MAX_WINDOW) -> int:
    """The largest divisor of min(height, width) // 32 that is at most 16 (tokens); sides in pixels.

    Outputs depend on it: 224 -> 7, 256 -> 8, 432 -> 13, 512 -> 16; a prime quotient above 16 gives 1.
    """
    n = min(height, width) // stride
    window = 1
    for candidate in range(1, min(n, largest) + 1):
        if n % candidate == 0:
            window = candidate
    return window


class ConvNorm(nn.Module):
    """Convolution with its batch norm folded in."""

    def __init__(self, in_dim: int, out_dim: int, kernel: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_dim, out_dim, kernel, stride, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class ConvSilu(ConvNorm):
    """The same with SiLU."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.conv(x))


class Stem(nn.Module):
    """Two strided convolutions with ReLU: stride 4."""

    def __init__(self, stem: int, dim: int):
        super().__init__()
        self.conv_down = nn.Sequential(ConvNorm(3, stem, 3, 2), nn.ReLU(), ConvNorm(stem, dim, 3, 2), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_down(x)


class Bottleneck(nn.Module):
    """x + two 3 x 3 convolutions."""

    def __init__(self, dim: int):
        super().__init__()
        self.cv1 = ConvSilu(dim, dim, 3)
        self.cv2 = ConvSilu(dim, dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.cv2(self.cv1(x))


class C2f(nn.Module):
    """YOLOv8's block: half of the channels runs through a chain whose every step is kept and mixed at the end."""

    def __init__(self, dim: int, steps: int):
        super().__init__()
        self.cv1 = ConvSilu(dim, dim, 1)
        self.m = nn.ModuleList(Bottleneck(dim // 2) for _ in range(steps))
        self.cv2 = ConvSilu((2 + steps) * (dim // 2), dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.cv1(x).chunk(2, dim=1)
        kept = [a, b]
        for step in self.m:
            kept.append(step(kept[-1]))
        return self.cv2(torch.cat(kept, dim=1))


class Downsample(nn.Module):
    """Strided convolution between levels."""

    def __init__(self, dim: int):
        super().__init__()
        self.reduction = ConvNorm(dim, 2 * dim, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduction(x)


class RelativeBias(nn.Module):
    """`[1, heads, w^2, w^2]`: 16 sigmoid(MLP(log-spaced relative coordinates)), float32 until the end."""

    def __init__(self, heads: int, hidden: int, pretrained_window: int):
        super().__init__()
        self.unit: int = pretrained_window - 1
        self.cpb_mlp = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, heads, bias=False))

    def forward(self, window: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        offsets = torch.arange(1 - window, window, device=device)
        spaced = offsets.to(torch.float32) / self.unit * 8
        spaced = torch.sign(spaced) * torch.log2(spaced.abs() + 1) / 3  # log2(8) = 3
        dy, dx = torch.meshgrid([spaced, spaced], indexing="ij")
        per_offset = self.cpb_mlp(torch.stack([dy, dx], dim=-1).view(-1, 2))
        cells = torch.arange(window * window, device=device)
        y, x = torch.div(cells, window, rounding_mode="floor"), cells % window
        row = y.unsqueeze(1) - y.unsqueeze(0) + window - 1
        index = row * (2 * window - 1) + x.unsqueeze(1) - x.unsqueeze(0) + window - 1
        bias = 16 * torch.sigmoid(per_offset[index.flatten()])
        return bias.view(window * window, window * window, -1).permute(2, 0, 1).unsqueeze(0).to(dtype)


class WindowAttention(nn.Module):
    """Attention inside windows `[windows, w^2, C]`, given as tokens `[windows w^2, C]`, plus the relative bias."""

    def __init__(self, config: AttentionConfig, pretrained_window: int):
        super().__init__()
        self.heads: int = config.heads
        self.head_dim: int = config.dim // config.heads
        self.qkv = Linear(config.dim, 3 * config.dim, bias=False)
        self.pos_emb_funct = RelativeBias(config.heads, config.hidden, pretrained_window)
        self.proj = Linear(config.dim, config.dim, bias=False)

    def forward(self, residual: Tensor, x: Tensor, window: int) -> Tensor:
        qkv = self.qkv(x).view(-1, window * window, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        bias = self.pos_emb_funct(window, x.device, x.dtype)
        out = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=bias)
        return self.proj.add_to(residual, out.transpose(1, 2).reshape(x.size(0), x.size(1)))


class Mlp(nn.Module):
    """`residual + fc2(gelu(fc1(x)))`, without biases."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.fc1 = Linear(dim, hidden, bias=False)
        self.fc2 = Linear(hidden, dim, bias=False)

    def forward(self, residual: Tensor, x: Tensor) -> Tensor:
        return self.fc2.add_to(residual, self.fc1.gelu(x))


class AttentionBlock(nn.Module):
    """Half the input plus half of what windowed attention makes of it. x `[B, C, H, W]`, sides multiples of w (2w)."""

    strided: torch.jit.Final[bool]

    def __init__(self, config: AttentionConfig, pretrained_window: int):
        super().__init__()
        self.strided = config.strided
        dim = config.dim
        self.pre_conv = nn.Identity() if config.strided else ConvNorm(dim, dim, 3)
        self.downsample_op = nn.Conv2d(dim, dim, 2, 2) if config.strided else nn.Identity()
        self.upsample_op = nn.ConvTranspose2d(dim, dim, 2, 2) if config.strided else nn.Identity()
        self.norm1 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attn = WindowAttention(config, pretrained_window)
        self.norm2 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, config.mlp_dim)

    def forward(self, x: Tensor, window: int) -> Tensor:
        y = self.downsample_op(x) if self.strided else self.pre_conv(x) + x
        b, c, h, w = y.shape
        rows, columns = h // window, w // window
        tokens = y.view(b, c, rows, window, columns, window).permute(0, 2, 4, 3, 5, 1).reshape(-1, c)
        tokens = self.attn(tokens, self.norm1(tokens), window)
        tokens = self.mlp(tokens, self.norm2(tokens))
        y = tokens.view(b, rows, columns, window, window, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)
        return 0.5 * self.upsample_op(y) + 0.5 * x


class Block(nn.Module):
    """Attention blocks in sequence."""

    def __init__(self, configs: list[AttentionConfig], pretrained_window: int):
        super().__init__()
        self.attention_blocks = nn.ModuleList(AttentionBlock(config, pretrained_window) for config in configs)

    def forward(self, x: Tensor, window: int) -> Tensor:
        for block in self.attention_blocks:
            x = block(x, window)
        return x


class ConvLevel(nn.Module):
    """A convolutional level and the step to the next."""

    def __init__(self, dim: int, steps: int):
        super().__init__()
        self.blocks = C2f(dim, steps)
        self.downsample = Downsample(dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(self.blocks(x))


class AttentionLevel(nn.Module):
    """Attention on a map stretched to whole windows (nearest), then shrunk back; and the step to the next level."""

    def __init__(self, dim: int, blocks: list[list[AttentionConfig]], pretrained_window: int, last: bool):
        super().__init__()
        self.reach: int = 2 if any(config.strided for block in blocks for config in block) else 1
        self.blocks = nn.ModuleList(Block(configs, pretrained_window) for configs in blocks)
        self.downsample = nn.Identity() if last else Downsample(dim)

    def forward(self, x: Tensor, window: int) -> tuple[Tensor, Tensor]:
        h, w = x.size(2), x.size(3)
        unit = self.reach * window
        height, width = (h + unit - 1) // unit * unit, (w + unit - 1) // unit * unit
        if height != h or width != w:
            x = F.interpolate(x, size=[height, width], mode="nearest")
        for block in self.blocks:
            x = block(x, window)
        if height != h or width != w:
            x = F.interpolate(x, size=[h, w], mode="nearest")
        return x, self.downsample(x)


class NeckProjection(nn.Module):
    """Depthwise 3 x 3 (batch norm folded in), then 1 x 1."""

    def __init__(self, dim: int, out_dim: int):
        super().__init__()
        self.conv1 = nn.Conv2d(dim, dim, 3, 1, 1, groups=dim)
        self.conv2 = nn.Conv2d(dim, out_dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x))


class Neck(nn.Module):
    """Sum of the stride-16 level and the doubled stride-32 level, both projected."""

    def __init__(self, dims: list[int], out_dim: int):
        super().__init__()
        self.neck_features_proj = nn.ModuleList(NeckProjection(dim, out_dim) for dim in dims)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        doubled = F.interpolate(coarse, size=[fine.size(2), fine.size(3)], mode="nearest")
        return self.neck_features_proj[0](fine) + self.neck_features_proj[1](doubled)


class EradioBackbone(nn.Module):
    """See docs/artefacts.md for `forward`: prefix `[B, 1, D]` is the mean token, features `[B h w, D]` row-major."""

    window: torch.jit.Final[int]

    def __init__(self, config: EradioConfig):
        super().__init__()
        self.window = config.window
        self.register_buffer("mean", torch.empty(3))
        self.register_buffer("std", torch.empty(3))
        self.patch_embed = Stem(config.stem, config.dims[0])
        conv = [ConvLevel(dim, steps) for dim, steps in zip(config.dims, config.convs)]
        attention = [
            AttentionLevel(dim, blocks, config.pretrained_window, last=blocks is config.blocks[-1])
            for dim, blocks in zip(config.dims[2:], config.blocks)
        ]
        self.levels = nn.ModuleList([*conv, *attention])
        self.high_res_neck = Neck(config.dims[2:], config.out_dim)

    def forward(self, images: list[Tensor], conditioned: list[bool]) -> tuple[Tensor, Tensor]:
        x = self.condition(images, conditioned).to(self.patch_embed.conv_down[0].conv.weight.dtype)
        window = self.window if self.window > 0 else optimal_window(x.size(2), x.size(3))
        x = self.levels[1](self.levels[0](self.patch_embed(x)))
        fine, x = self.levels[2](x, window)
        coarse, _ = self.levels[3](x, window)
        tokens = self.high_res_neck(fine, coarse).flatten(2).transpose(1, 2)
        mean = tokens.to(torch.float32).mean(dim=1, keepdim=True).to(tokens.dtype)
        return mean, tokens.reshape(-1, tokens.size(2))

    def condition(self, images: list[Tensor], conditioned: list[bool]) -> Tensor:
        """float32 `[B, 3, H, W]`, normalised."""
        batch: list[Tensor] = []
        for image, done in zip(images, conditioned):
            x = image.to(torch.float32)
            if image.dtype == torch.uint8:
                x = x / 255
            if not done:
                x = (x - self.mean.view(3, 1, 1)) / self.std.view(3, 1, 1)
            batch.append(x)
        return torch.stack(batch)
