"""The first E-RADIO (eradio_v1) in plain PyTorch for one image, from the description of that layout.

What differs from the later one: no convolution in front of attention, windows filled up with zeros, level 3 cut into
windows once for all of its blocks, another neck, and a summary taken from the trunk.
"""

import torch
import torch.nn.functional as F
from eradio_reference import EradioReference


class EarlyEradioReference(EradioReference):
    """Called like its base: image uint8 `[H, W, 3]`, window in tokens -> (summary `[D]`, features `[T, D]`)."""

    def cut(self, x, window):
        """{(top, left): tokens `[w^2, C]`} of a map `[1, C, H, W]`; zeros where the map ends."""
        _, channels, height, width = x.shape
        windows = {}
        for top in range(0, height, window):
            for left in range(0, width, window):
                part = x[0, :, top : top + window, left : left + window]
                square = torch.zeros(channels, window, window)
                square[:, : part.shape[1], : part.shape[2]] = part
                windows[top, left] = square.flatten(1).T
        return windows

    def join(self, windows, like, window):
        out = torch.empty_like(like)
        for (top, left), tokens in windows.items():
            part = out[0, :, top : top + window, left : left + window]
            part.copy_(tokens.T.reshape(-1, window, window)[:, : part.shape[1], : part.shape[2]])
        return out

    def fine_block(self, x, name, window):
        s, y = self.s, x
        if name + ".downsample_op.weight" in s:
            y = F.conv2d(x, s[name + ".downsample_op.weight"], s[name + ".downsample_op.bias"], stride=2)
        bias = self.bias(name + ".attn.pos_emb_funct", window)
        y = self.join({k: self.tokens(t, name, bias) for k, t in self.cut(y, window).items()}, y, window)
        if name + ".upsample_op.weight" in s:
            y = F.conv_transpose2d(y, s[name + ".upsample_op.weight"], s[name + ".upsample_op.bias"], stride=2)
        return (x + y) / 2

    def attention_level(self, x, level, window):
        names = [f"levels.{level}.blocks.{i}.attention_blocks" for i in range(self.count(f"levels.{level}.blocks."))]
        if level == 2:
            for name in names:
                x = self.fine_block(self.fine_block(x, name + ".0", window), name + ".1", window)
            return x
        windows = self.cut(x, window)
        for name in names:
            bias = self.bias(name + ".0.attn.pos_emb_funct", window)
            windows = {k: (t + self.tokens(t, name + ".0", bias)) / 2 for k, t in windows.items()}
        return self.join(windows, x, window)

    def count(self, prefix):
        return len({k[len(prefix) :].split(".")[0] for k in self.s if k.startswith(prefix)})

    def combine(self, fine, coarse):
        s, parts = self.s, []
        for i, (x, factor) in enumerate(((fine, 1), (coarse, 2))):
            name = f"neck_features_proj.{i}"
            y = F.conv2d(self.norm(x, name + ".norm"), s[name + ".conv.weight"], s[name + ".conv.bias"])
            _, channels, h, w = y.shape
            y = y.view(channels // factor**2, factor, factor, h, w).permute(0, 3, 1, 4, 2)
            parts.append(y.reshape(-1, h * factor, w * factor))
        return self.norm(coarse, "norm").mean((0, 2, 3)), (parts[0] + parts[1]).flatten(1).T
