"""E-RADIO: a convolutional stem and two convolutional levels, two levels of windowed attention, a fusing neck.

One call takes images of one shape, both sides multiples of 32. Batch norms are folded into the convolutions beside
them. Names follow the checkpoint, so that its keys load as they are. Facts are those of the published family; the
layout of eradio_v1 (`early`) was never compared with a file or with recorded outputs.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radio_export.eradio_attention import AttentionBlock, AttentionConfig, pad_to_multiple
from radio_export.eradio_conv import C2f, Downsample, Stem
from radio_export.ops import condition

MAX_WINDOW = 16  # Largest window the `optimal` rule chooses.
STRIDE = 32  # Both sides of an image must be multiples of it.
PATCH = 16  # Stride of the feature grid.


@dataclass
class EradioConfig:
    """`stem`, `dims`: channels of the stem and of the four levels; `convs`: inner steps of levels 0 and 1;
    `blocks[L][i]`: attention blocks of block i in level 2 + L; `early`: maps are padded with zeros, not stretched;
    another neck; the summary comes from the trunk; `window`: 0 for the `optimal` rule; `pretrained_window`: the window
    by which relative coordinates are normalised, whatever window is used."""

    stem: int
    dims: list[int]
    convs: list[int]
    blocks: list[list[list[AttentionConfig]]]
    out_dim: int
    early: bool = False
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
    """Attention on a map of whole windows, and the step to the next level.

    The map is stretched (nearest) and shrunk back, so that no block pads. `early`: a level without strided blocks is
    padded once around all of its blocks, one with strided blocks is left to them.
    """

    early: torch.jit.Final[bool]

    def __init__(self, dim: int, blocks: list[list[AttentionConfig]], pretrained_window: int, early: bool, last: bool):
        super().__init__()
        self.early = early
        self.reach: int = 2 if any(config.strided for block in blocks for config in block) else 1
        self.blocks = nn.ModuleList(Block(configs, pretrained_window) for configs in blocks)
        self.downsample = nn.Identity() if last else Downsample(dim)

    def forward(self, x: Tensor, window: int) -> tuple[Tensor, Tensor]:
        h, w = x.size(2), x.size(3)
        unit = self.reach * window
        stretched = not self.early and (h % unit != 0 or w % unit != 0)
        if stretched:
            x = F.interpolate(x, size=[h + -h % unit, w + -w % unit], mode="nearest")
        elif self.reach == 1:
            x = pad_to_multiple(x, window)
        for block in self.blocks:
            x = block(x, window)
        x = F.interpolate(x, size=[h, w], mode="nearest") if stretched else x[:, :, :h, :w]
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


class EarlyNeckProjection(nn.Module):
    """1 x 1 (the batch norm before it folded in), then u^2 channels of a cell become u x u cells."""

    def __init__(self, dim: int, out_dim: int, factor: int):
        super().__init__()
        self.conv = nn.Conv2d(dim, out_dim * factor**2, 1)
        self.shuffle = nn.PixelShuffle(factor)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.conv(x))


class EarlyNeck(nn.Module):
    """The same sum in eradio_v1, whose second projection doubles the resolution itself."""

    def __init__(self, dims: list[int], out_dim: int):
        super().__init__()
        projections = [EarlyNeckProjection(dim, out_dim, u) for dim, u in zip(dims, (1, 2), strict=True)]
        self.neck_features_proj = nn.ModuleList(projections)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return self.neck_features_proj[0](fine) + self.neck_features_proj[1](coarse)


class Affine(nn.Module):
    """A batch norm on vectors `[B, C]`: x weight + bias."""

    def __init__(self, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim))
        self.bias = nn.Parameter(torch.empty(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.bias


class EradioBackbone(nn.Module):
    """See docs/artefacts.md for `forward`: features `[B h w, D]` row-major.

    The prefix `[B, 1, D]` is the mean of an image's features; `early`: of its trunk, through the trunk's batch norm.
    """

    window: torch.jit.Final[int]
    early: torch.jit.Final[bool]

    def __init__(self, config: EradioConfig):
        super().__init__()
        self.window, self.early, self.feature_dim = config.window, config.early, config.out_dim
        self.register_buffer("mean", torch.empty(3))
        self.register_buffer("std", torch.empty(3))
        self.patch_embed = Stem(config.stem, config.dims[0])
        conv = [ConvLevel(dim, steps) for dim, steps in zip(config.dims, config.convs)]
        attention = [
            AttentionLevel(dim, blocks, config.pretrained_window, config.early, last=blocks is config.blocks[-1])
            for dim, blocks in zip(config.dims[2:], config.blocks)
        ]
        self.levels = nn.ModuleList([*conv, *attention])
        self.high_res_neck = (EarlyNeck if config.early else Neck)(config.dims[2:], config.out_dim)
        self.norm = Affine(config.dims[-1]) if config.early else nn.Identity()

    def forward(self, images: list[Tensor], conditioned: list[bool]) -> tuple[Tensor, Tensor]:
        x = self.condition(images, conditioned).to(self.patch_embed.conv_down[0].conv.weight.dtype)
        window = self.window if self.window > 0 else optimal_window(x.size(2), x.size(3))
        x = self.levels[1](self.levels[0](self.patch_embed(x)))
        fine, x = self.levels[2](x, window)
        coarse, _ = self.levels[3](x, window)
        features = self.high_res_neck(fine, coarse)
        pooled = (coarse if self.early else features).to(torch.float32).mean(dim=[2, 3])
        prefix = self.norm(pooled).unsqueeze(1).to(features.dtype)
        return prefix, features.permute(0, 2, 3, 1).reshape(-1, self.feature_dim)

    def condition(self, images: list[Tensor], conditioned: list[bool]) -> Tensor:
        """float32 `[B, 3, H, W]`, normalised."""
        batch: list[Tensor] = []
        for image, done in zip(images, conditioned):
            batch.append(condition(image, done, self.mean, self.std))
        return torch.stack(batch)
