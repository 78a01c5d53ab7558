"""The demo's ViT the way one writes it in PyTorch: eager, images of one size per batch.

Runs in the peers' environment. Weights come out of an exported artefact, so that answers can be compared with the
server's; nothing else of it is used.
"""

import functools
import math
import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from radio_export import ops


def has_bfloat16_units():
    """Without them eager bfloat16 is slower than float32, and nobody would serve it."""
    flags = Path("/proc/cpuinfo").read_text()
    return "avx512_bf16" in flags or "amx_bf16" in flags


class EagerVit:
    """`backbone`: the artefact's backbone.pt, a ViT without windows."""

    def __init__(self, backbone):
        torch.set_num_threads(os.cpu_count())
        ops.register()
        script = torch.jit.load(backbone)
        block = getattr(script.blocks, "0").block
        self.heads, self.eps = block.attn.heads, 1e-6
        weights = script.state_dict()
        self.dtype = weights["embedder.weight"].dtype if has_bfloat16_units() else torch.float32
        # Norms and positions are float32 in the artefact; one dtype throughout is what eager code is fastest with.
        exact = ("mean", "std")
        self.weights = {name: tensor if name in exact else tensor.to(self.dtype) for name, tensor in weights.items()}
        self.depth = len({name.split(".")[1] for name in weights if name.startswith("blocks.")})
        embedder = self.weights["embedder.weight"]
        self.patch = math.isqrt(embedder.shape[1] // 3)
        self.kernel = embedder.view(-1, 3, self.patch, self.patch)
        self.position = functools.lru_cache(maxsize=64)(self._position)

    def norm(self, x, name):
        if name + ".weight" not in self.weights:
            return x
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"], self.eps)

    def linear(self, x, name):
        return F.linear(x, self.weights[name + ".weight"], self.weights.get(name + ".bias"))

    def attention(self, x, name):
        batch, tokens, dim = x.shape
        qkv = self.linear(x, name + ".qkv").view(batch, tokens, 3, self.heads, dim // self.heads)
        out = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        return self.linear(out.transpose(1, 2).reshape(batch, tokens, dim), name + ".proj")

    def _position(self, height, width):
        table = self.weights["pos_embed"]
        if (height, width) != table.shape[:2]:
            side = max(height, width)
            square = table.permute(2, 0, 1)[None].float()
            square = F.interpolate(square, (side, side), mode="bilinear", align_corners=False)
            table = square[0, :, :height, :width].permute(1, 2, 0).to(self.dtype)
        return table.reshape(1, height * width, -1)

    @torch.inference_mode()
    def batch(self, images):
        """uint8 `[B, H, W, 3]` -> float32 features `[B, T, D]`, both of NumPy."""
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        x = (x - self.weights["mean"].view(3, 1, 1)) / self.weights["std"].view(3, 1, 1)
        x = F.conv2d(x.to(self.dtype), self.kernel, self.weights.get("embedder.bias"), stride=self.patch)
        grid = x.shape[2:]
        prefix = self.weights["prefix"].expand(len(x), -1, -1)
        x = torch.cat([prefix, x.flatten(2).transpose(1, 2) + self.position(*grid)], dim=1)
        for i in range(self.depth):
            block = f"blocks.{i}.block."
            x = x + self.attention(self.norm(x, block + "norm1"), block + "attn")
            hidden = F.gelu(self.linear(self.norm(x, block + "norm2"), block + "mlp.fc1"))
            x = x + self.linear(hidden, block + "mlp.fc2")
        return self.norm(x, "norm")[:, prefix.shape[1] :].float().numpy()

    def extract(self, images):
        """The handler of servers that hand over whatever waits: one batch for each size. -> `[T, D]` per image."""
        features = [None] * len(images)
        for indices in same_shape(images):
            for i, answer in zip(indices, self.batch(np.stack([images[i] for i in indices])), strict=True):
                features[i] = answer
        return features


def same_shape(images):
    """Lists of indices of arrays with equal shapes; shapes and indices in order of arrival."""
    groups = {}
    for i, image in enumerate(images):
        groups.setdefault(image.shape, []).append(i)
    return list(groups.values())
