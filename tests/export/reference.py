"""An independent forward pass: one image at a time, unpacked, out of plain PyTorch functions.

Shares nothing with the exporter: conv2d for the patches, an explicit softmax, layer scale applied where it stands.
"""

import torch
import torch.nn.functional as F


class Reference:
    """`state`: a checkpoint's tensors; call with a uint8 image `[H, W, 3]` -> prefix `[n, D]`, features `[T, D]`."""

    def __init__(self, checkpoint, align_corners=False, windowed=None, window=0, dtype=torch.float32):
        self.args = vars(checkpoint["args"])
        self.state = {k: v.to(dtype) for k, v in checkpoint["state_dict"].items() if v.is_floating_point()}
        self.conditioner = [checkpoint["state_dict"][f"input_conditioner.norm_{n}"].float() for n in ("mean", "std")]
        student = self.args["model"] == "dino_v2_g_student"
        self.base = "base_model.inner." if student else "base_model."
        self.align_corners, self.windowed, self.window, self.dtype = align_corners, windowed or (), window, dtype
        self.heads = self.args["model_kwargs"]["num_heads"]
        self.depth = self.args["model_kwargs"]["depth"]

    def norm(self, x, name, eps):
        return F.layer_norm(x, x.shape[-1:], self.state[name + ".weight"], self.state[name + ".bias"], eps)

    def linear(self, x, name):
        return F.linear(x, self.state[name + ".weight"], self.state.get(name + ".bias"))

    def attention(self, x, name, heads):
        """x `[N, D]`: all tokens see each other."""
        n, d = x.shape
        q, k, v = self.linear(x, name + ".qkv").view(n, 3, heads, d // heads).permute(1, 2, 0, 3)
        weights = (q @ k.transpose(1, 2) / (d // heads) ** 0.5).softmax(-1)
        return self.linear((weights @ v).transpose(0, 1).reshape(n, d), name + ".proj")

    def scale(self, x, name):
        for key in (name + ".gamma", name + ".grandma"):
            if key in self.state:
                return x * self.state[key]
        return x

    def mlp(self, x, name):
        if name + ".w12.weight" in self.state:
            a, b = self.linear(x, name + ".w12").chunk(2, dim=-1)
            return self.linear(F.silu(a) * b, name + ".w3")
        x = F.gelu(self.linear(x, name + ".fc1"))
        if name + ".norm.weight" in self.state:
            x = self.norm(x, name + ".norm", 1e-5)
        return self.linear(x, name + ".fc2")

    def block(self, x, name, heads, factor=1.0, eps=1e-6):
        attended = self.attention(self.norm(x, name + ".norm1", eps) * factor, name + ".attn", heads)
        x = x + self.scale(attended, name + ".ls1")
        return x + self.scale(self.mlp(self.norm(x, name + ".norm2", eps) * factor, name + ".mlp"), name + ".ls2")

    def embed(self, image):
        """(patch tokens `[T, D]`, grid)."""
        mean, std = self.conditioner
        x = (image.permute(2, 0, 1).float() / 255 - mean) / std
        weight = self.state[self.base + "patch_generator.embedder.weight"]
        p = int((weight.shape[1] / 3) ** 0.5)
        bias = self.state.get(self.base + "patch_generator.embedder.bias")
        x = F.conv2d(x[None].to(self.dtype), weight.view(-1, 3, p, p), bias, stride=p)[0]
        h, w = x.shape[1:]
        table = self.state[self.base + "patch_generator.pos_embed"][0]
        side = int(table.shape[0] ** 0.5)
        table = table.view(side, side, -1).permute(2, 0, 1)[None].float()
        if (h, w) != (side, side):
            size = (max(h, w), max(h, w))
            table = F.interpolate(table, size=size, mode="bilinear", align_corners=self.align_corners)
        return (x + table[0, :, :h, :w].to(self.dtype)).flatten(1).T, (h, w)

    def windows(self, h, w):
        """Lists of row-major patch indices, one per window."""
        s = self.window
        grid = torch.arange(h * w).view(h, w)
        return [grid[y : y + s, x : x + s].flatten() for y in range(0, h, s) for x in range(0, w, s)]

    def __call__(self, image):
        patches, (h, w) = self.embed(image)
        prefix = self.state[self.base + "patch_generator.cls_token.token"]
        n = prefix.shape[0]
        scaled = (self.args["model_kwargs"] or {}).get("scaled_ln")
        for i in range(self.depth):
            name, factor = f"{self.base}blocks.{i}", (i + 1) ** -0.5 if scaled else 1.0
            if i in self.windowed:
                patches = patches.clone()
                for index in self.windows(h, w):
                    patches[index] = self.block(patches[index], name, self.heads, factor)
            else:
                x = self.block(torch.cat([prefix, patches]), name, self.heads, factor)
                prefix, patches = x[:n], x[n:]
        if self.args.get("model_norm") or self.base.endswith("inner."):
            prefix, patches = (self.norm(t, self.base + "norm", 1e-6) for t in (prefix, patches))
        if "_feature_normalizer.tx" in self.state:
            patches = (patches - self.state["_feature_normalizer.mean"]) @ self.state["_feature_normalizer.tx"].T
        return prefix, patches

    def head_v2(self, x, name):
        x = self.linear(x, name + ".fc1")
        i = 0
        while f"{name}.blocks.{i}.0.weight" in self.state:
            x = x + self.linear(F.gelu(self.norm(x, f"{name}.blocks.{i}.0", 1e-5)), f"{name}.blocks.{i}.2")
            i += 1
        return self.linear(F.gelu(self.norm(x, name + ".final.0", 1e-5)), name + ".final.2")
