"""E-RADIO's attention block: windows of a map, with a bias computed from relative coordinates."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radio_export.eradio_conv import ConvNorm
from radio_export.vit import Linear

NORM_EPS = 1e-5  # Layer norms of the attention blocks (torch's default).


@dataclass
class AttentionConfig:
    """One attention block. `strided`: attention on a map of half the resolution; `pre_conv`: a convolution before it;
    `hidden`: width of the bias MLP."""

    dim: int
    heads: int
    mlp_dim: int
    strided: bool
    pre_conv: bool
    hidden: int


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


def pad_to_multiple(x: Tensor, side: int) -> Tensor:
    """Zeros at the right and at the bottom until both sides of `[B, C, H, W]` are multiples of `side`."""
    h, w = x.size(2), x.size(3)
    return x if h % side == 0 and w % side == 0 else F.pad(x, [0, -w % side, 0, -h % side])


class AttentionBlock(nn.Module):
    """Half the input plus half of what windowed attention makes of it. x `[B, C, H, W]`, padded to whole windows."""

    strided: torch.jit.Final[bool]
    has_pre_conv: torch.jit.Final[bool]

    def __init__(self, config: AttentionConfig, pretrained_window: int):
        super().__init__()
        self.strided, self.has_pre_conv = config.strided, config.pre_conv
        dim = config.dim
        self.pre_conv = ConvNorm(dim, dim, 3) if config.pre_conv else nn.Identity()
        self.downsample_op = nn.Conv2d(dim, dim, 2, 2) if config.strided else nn.Identity()
        self.upsample_op = nn.ConvTranspose2d(dim, dim, 2, 2) if config.strided else nn.Identity()
        self.norm1 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attn = WindowAttention(config, pretrained_window)
        self.norm2 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, config.mlp_dim)

    def forward(self, x: Tensor, window: int) -> Tensor:
        y = self.downsample_op(x)
        if self.has_pre_conv:
            y = self.pre_conv(y) + y
        height, width = y.size(2), y.size(3)
        y = pad_to_multiple(y, window)
        b, c, h, w = y.shape
        rows, columns = h // window, w // window
        tokens = y.view(b, c, rows, window, columns, window).permute(0, 2, 4, 3, 5, 1).reshape(-1, c)
        tokens = self.attn(tokens, self.norm1(tokens), window)
        tokens = self.mlp(tokens, self.norm2(tokens))
        y = tokens.view(b, rows, columns, window, window, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)
        y = y[:, :, :height, :width]
        return 0.5 * self.upsample_op(y) + 0.5 * x
