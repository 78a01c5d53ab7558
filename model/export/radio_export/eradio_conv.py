"""E-RADIO's convolutional parts, batch norms folded into the convolutions before them. Maps are `[B, C, H, W]`."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
