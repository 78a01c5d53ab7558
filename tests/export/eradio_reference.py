"""An independent E-RADIO forward pass: batch norms as they stand, one window at a time, biases by looked-up pairs."""

import math

import torch
import torch.nn.functional as F


class EradioReference:
    """Call with a uint8 image `[H, W, 3]` and a window -> summary `[D]`, features `[T, D]`."""

    def __init__(self, checkpoint):
        state = checkpoint["state_dict"]
        self.s = {k[len("base_model.") :]: v for k, v in state.items() if k.startswith("base_model.")}
        self.conditioner = [state[f"input_conditioner.norm_{n}"] for n in ("mean", "std")]

    def norm(self, x, name):
        s = self.s
        names = (name + n for n in (".running_mean", ".running_var", ".weight", ".bias"))
        return F.batch_norm(x, *(s[n] for n in names), eps=1e-5)

    def conv(self, x, name, stride=1):
        weight = self.s[name + ".conv.weight"]
        return self.norm(F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2), name + ".bn")

    def conv_level(self, x, name):
        a, b = F.silu(self.conv(x, name + ".cv1")).chunk(2, 1)
        kept, i = [a, b], 0
        while f"{name}.m.{i}.cv1.conv.weight" in self.s:
            step = F.silu(self.conv(kept[-1], f"{name}.m.{i}.cv1"))
            kept.append(kept[-1] + F.silu(self.conv(step, f"{name}.m.{i}.cv2")))
            i += 1
        return F.silu(self.conv(torch.cat(kept, 1), name + ".cv2"))

    def bias(self, name, window):
        """`[heads, w^2, w^2]`, pair by pair."""
        pairs = [(p, q) for p in range(window**2) for q in range(window**2)]
        offsets = [(p // window - q // window, p % window - q % window) for p, q in pairs]

        def spaced(v):
            return math.copysign(math.log2(abs(v / 15 * 8) + 1) / math.log2(8), v)

        table = torch.tensor([[spaced(a), spaced(b)] for a, b in offsets])
        hidden = F.relu(F.linear(table, self.s[name + ".cpb_mlp.0.weight"], self.s[name + ".cpb_mlp.0.bias"]))
        out = 16 * torch.sigmoid(hidden @ self.s[name + ".cpb_mlp.2.weight"].T)
        return out.T.reshape(-1, window**2, window**2)

    def tokens(self, t, name, bias):
        """Attention and MLP on the tokens `[w^2, C]` of one window."""
        s, heads = self.s, bias.shape[0]

        def layer_norm(x, n):
            return F.layer_norm(x, x.shape[-1:], s[f"{name}.{n}.weight"], s[f"{name}.{n}.bias"], 1e-5)

        q, k, v = (
            (layer_norm(t, "norm1") @ s[name + ".attn.qkv.weight"].T).view(len(t), 3, heads, -1).permute(1, 2, 0, 3)
        )
        weights = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5 + bias).softmax(-1)
        t = t + (weights @ v).transpose(0, 1).reshape(t.shape) @ s[name + ".attn.proj.weight"].T
        return t + F.gelu(layer_norm(t, "norm2") @ s[name + ".mlp.fc1.weight"].T) @ s[name + ".mlp.fc2.weight"].T

    def attention(self, x, name, window):
        s = self.s
        strided = name + ".downsample_op.weight" in s
        if strided:
            y = F.conv2d(x, s[name + ".downsample_op.weight"], s[name + ".downsample_op.bias"], stride=2)
        else:
            y = self.conv(x, name + ".pre_conv") + x
        bias, out = self.bias(name + ".attn.pos_emb_funct", window), torch.empty_like(y)
        for top in range(0, y.shape[2], window):
            for left in range(0, y.shape[3], window):
                place = (0, slice(None), slice(top, top + window), slice(left, left + window))
                t = y[place].flatten(1).T
                out[place] = self.tokens(t, name, bias).T.reshape(-1, window, window)
        if strided:
            out = F.conv_transpose2d(out, s[name + ".upsample_op.weight"], s[name + ".upsample_op.bias"], stride=2)
        return 0.5 * out + 0.5 * x

    def attention_level(self, x, level, window):
        size = x.shape[2:]
        unit = window * (2 if level == 2 else 1)
        x = F.interpolate(x, size=[math.ceil(side / unit) * unit for side in size], mode="nearest")
        i = 0
        while f"levels.{level}.blocks.{i}.attention_blocks.0.norm1.weight" in self.s:
            for j in (0, 1) if level == 2 else (0,):
                x = self.attention(x, f"levels.{level}.blocks.{i}.attention_blocks.{j}", window)
            i += 1
        return F.interpolate(x, size=size, mode="nearest")

    def neck(self, x, name):
        s = self.s
        x = F.conv2d(x, s[name + ".conv1.weight"], s[name + ".conv1.bias"], padding=1, groups=x.shape[1])
        return F.conv2d(self.norm(x, name + ".norm"), s[name + ".conv2.weight"], s[name + ".conv2.bias"])

    def __call__(self, image, window):
        mean, std = self.conditioner
        x = ((image.permute(2, 0, 1).float() / 255 - mean) / std)[None]
        for n in (0, 2):
            x = F.relu(self.conv(x, f"patch_embed.conv_down.{n}", 2))
        for level in (0, 1):
            x = self.conv(self.conv_level(x, f"levels.{level}.blocks"), f"levels.{level}.downsample.reduction", 2)
        fine = self.attention_level(x, 2, window)
        coarse = self.attention_level(self.conv(fine, "levels.2.downsample.reduction", 2), 3, window)
        return self.combine(fine, coarse)

    def combine(self, fine, coarse):
        doubled = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
        prefix = "high_res_neck.neck_features_proj"
        features = (self.neck(fine, prefix + ".0") + self.neck(doubled, prefix + ".1"))[0].flatten(1).T
        return features.mean(0), features
