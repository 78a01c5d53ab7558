"""Keys and shapes of an E-RADIO file, for demo models and for checking the parameter count."""

from dataclasses import dataclass
from typing import Any

Layout = dict[str, tuple[int, ...]]
_WINDOW = 16
_BIAS_HIDDEN = 512  # Width of the MLP behind the relative bias.


@dataclass(frozen=True)
class EradioDims:
    """`dim`: channels of level 0, doubled from level to level; `heads` of levels 2 and 3."""

    dim: int
    stem: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int]
    out_dim: int

    def model_kwargs(self) -> dict[str, Any]:
        """`args.model_kwargs` of a file of these dimensions."""
        return {
            "dim": self.dim,
            "in_dim": self.stem,
            "depths": list(self.depths),
            "num_heads": [1, 1, *self.heads],
            "full_features_head_dim": self.out_dim,
            "return_full_features": True,
        }


FULL_ERADIO = EradioDims(192, 64, (3, 3, 5, 5), (8, 16), 1536)
TINY_ERADIO = EradioDims(24, 16, (1, 1, 1, 1), (2, 4), 192)


def eradio_layout(dims: EradioDims, early: bool) -> Layout:
    """Backbone keys behind `base_model.`: parameters, batch norm statistics and the tables a file carries.

    `early`: those of eradio_v1.
    """
    d = [dims.dim * 2**level for level in range(4)]
    layout = {
        **_conv("patch_embed.conv_down.0", 3, dims.stem, 3),
        **_conv("patch_embed.conv_down.2", dims.stem, d[0], 3),
    }
    for level in (0, 1):
        prefix, half = f"levels.{level}.blocks.", d[level] // 2
        layout.update(_conv(prefix + "cv1", d[level], d[level], 1))
        layout.update(_conv(prefix + "cv2", (2 + dims.depths[level]) * half, d[level], 1))
        for i in range(dims.depths[level]):
            layout.update({**_conv(f"{prefix}m.{i}.cv1", half, half, 3), **_conv(f"{prefix}m.{i}.cv2", half, half, 3)})
    for level in (0, 1, 2):
        layout.update(_conv(f"levels.{level}.downsample.reduction", d[level], d[level + 1], 3))
    for level, heads in zip((2, 3), dims.heads, strict=True):
        for i in range(dims.depths[level]):
            for j, strided in enumerate((True, False) if level == 2 else (False,)):
                prefix = f"levels.{level}.blocks.{i}.attention_blocks.{j}."
                layout.update({prefix + k: v for k, v in _attention(d[level], heads, strided, early).items()})
    if early:
        for i, (dim, factor) in enumerate(zip(d[2:], (1, 2), strict=True)):
            layout.update(_early_neck(f"neck_features_proj.{i}.", dim, dims.out_dim * factor**2))
        layout.update(_batch_norm("norm", d[3]))
    else:
        for i, dim in enumerate(d[2:]):
            layout.update(_neck(f"high_res_neck.neck_features_proj.{i}.", dim, dims.out_dim))
    return layout


def _attention(dim: int, heads: int, strided: bool, early: bool) -> Layout:
    layout = {} if strided or early else _conv("pre_conv", dim, dim, 3)
    if strided:
        layout.update({f"{op}.{n}": s for op in ("downsample_op", "upsample_op") for n, s in _biased(dim).items()})
    bias, pairs = "attn.pos_emb_funct.", _WINDOW**2
    layout.update({f"norm{n}.{k}": (dim,) for n in (1, 2) for k in ("weight", "bias")})
    layout.update({"attn.qkv.weight": (3 * dim, dim), "attn.proj.weight": (dim, dim)})
    layout.update({"mlp.fc1.weight": (4 * dim, dim), "mlp.fc2.weight": (dim, 4 * dim)})
    layout.update({bias + "cpb_mlp.0.weight": (_BIAS_HIDDEN, 2), bias + "cpb_mlp.0.bias": (_BIAS_HIDDEN,)})
    layout[bias + "cpb_mlp.2.weight"] = (heads, _BIAS_HIDDEN)
    layout[bias + "relative_coords_table"] = (1, 2 * _WINDOW - 1, 2 * _WINDOW - 1, 2)
    layout[bias + "relative_position_index"] = (pairs, pairs)
    layout[bias + "relative_bias"] = (1, heads, pairs, pairs)
    return layout


def _biased(dim: int) -> Layout:
    return {"weight": (dim, dim, 2, 2), "bias": (dim,)}


def _neck(prefix: str, dim: int, out_dim: int) -> Layout:
    return {
        prefix + "conv1.weight": (dim, 1, 3, 3),
        prefix + "conv1.bias": (dim,),
        **_batch_norm(prefix + "norm", dim),
        prefix + "conv2.weight": (out_dim, dim, 1, 1),
        prefix + "conv2.bias": (out_dim,),
    }


def _early_neck(prefix: str, dim: int, channels: int) -> Layout:
    conv = {prefix + "conv.weight": (channels, dim, 1, 1), prefix + "conv.bias": (channels,)}
    return {**_batch_norm(prefix + "norm", dim), **conv}


def _conv(prefix: str, in_dim: int, out_dim: int, kernel: int) -> Layout:
    return {prefix + ".conv.weight": (out_dim, in_dim, kernel, kernel), **_batch_norm(prefix + ".bn", out_dim)}


def _batch_norm(prefix: str, dim: int) -> Layout:
    layout = {f"{prefix}.{n}": (dim,) for n in ("weight", "bias", "running_mean", "running_var")}
    layout[prefix + ".num_batches_tracked"] = ()
    return layout
