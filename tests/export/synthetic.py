"""Small synthetic checkpoints in the published layout, written for these tests."""

import argparse
import copy
import json
import math

import torch
from safetensors.torch import save_file

TEACHERS = [
    {"name": "clip", "type": "open_clip", "model": "ViT-H-14-378-quickgelu", "pretrained": "dfn5b"},
    {"name": "siglip", "type": "open_clip", "model": "ViT-SO400M-14-SigLIP-384", "pretrained": "webli"},
    {"name": "dino_v2", "type": "dino_v2", "model": "dinov2_vitg14_reg"},
    {"name": "sam", "type": "sam", "model": "vit-h", "use_summary": False},
]
HEAD_DIMS = [(24, 20), (18, 22), (30, 26), (16, 28)]
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


class Builder:
    """Collects random tensors of a fixed seed under dotted names."""

    def __init__(self, seed=1):
        self.state = {}
        self.generator = torch.Generator().manual_seed(seed)

    def tensor(self, name, *shape, mean=0.0, std=0.3):
        self.state[name] = mean + std * torch.randn(shape, generator=self.generator)

    def affine(self, name, dim):
        self.tensor(name + ".weight", dim, mean=1.0, std=0.2)
        self.tensor(name + ".bias", dim, std=0.1)

    def linear(self, name, in_dim, out_dim, bias=True):
        self.tensor(name + ".weight", out_dim, in_dim, std=1 / math.sqrt(in_dim))
        if bias:
            self.tensor(name + ".bias", out_dim, std=0.1)

    def block(self, name, dim, mlp, mlp_norm=False, qkv_bias=True, scale="", swiglu=False):
        self.affine(name + ".norm1", dim)
        self.linear(name + ".attn.qkv", dim, 3 * dim, qkv_bias)
        self.linear(name + ".attn.proj", dim, dim)
        self.affine(name + ".norm2", dim)
        if swiglu:
            self.linear(name + ".mlp.w12", dim, 2 * mlp)
            self.linear(name + ".mlp.w3", mlp, dim)
        else:
            self.linear(name + ".mlp.fc1", dim, mlp)
            self.linear(name + ".mlp.fc2", mlp, dim)
        if mlp_norm:
            self.affine(name + ".mlp.norm", mlp)
        if scale:
            for n in ("ls1", "ls2"):
                self.tensor(f"{name}.{n}.{scale}", dim, mean=0.6, std=0.1)

    def mlp_v2(self, name, in_dim, out_dim, hidden=28, inner=1):
        self.linear(name + ".fc1", in_dim, hidden)
        for i in range(inner):
            self.affine(f"{name}.blocks.{i}.0", hidden)
            self.linear(f"{name}.blocks.{i}.2", hidden, hidden)
        self.affine(name + ".final.0", hidden)
        self.linear(name + ".final.2", hidden, out_dim)


def vit_checkpoint(
    model="vit_base_patch16_224", dim=32, depth=5, heads=4, patch=16, grid=12, prefix=8, scale="", seed=1, **args
):
    """{"state_dict", "args", ...}: a ViT with MLP-v2 heads for `TEACHERS`; `args` adds to the file's arguments."""
    b = Builder(seed)
    student = model == "dino_v2_g_student"
    base = "base_model.inner." if student else "base_model."
    b.linear(base + "patch_generator.embedder", 3 * patch * patch, dim, bias=student)
    b.tensor(base + "patch_generator.pos_embed", 1, grid * grid, dim)
    b.tensor(base + "patch_generator.cls_token.token", prefix, dim, std=0.5)
    for i in range(depth):
        mlp_norm = model.endswith("mlpnorm")
        b.block(f"{base}blocks.{i}", dim, 3 * dim, mlp_norm=mlp_norm, scale=scale, swiglu=student)
    if args.get("model_norm") or student:
        b.affine(base + "norm", dim)
    b.state["input_conditioner.norm_mean"] = torch.tensor(MEAN).view(3, 1, 1)
    b.state["input_conditioner.norm_std"] = torch.tensor(STD).view(3, 1, 1)
    for i, (summary, features) in enumerate(HEAD_DIMS):
        b.mlp_v2(f"_heads.{i}", dim, summary)
        b.mlp_v2(f"_feature_projections.{i}", dim, features)
    file_args = {
        "model": model,
        "model_kwargs": {"embed_dim": dim, "depth": depth, "num_heads": heads},
        "model_norm": False,
        "cpe_max_size": grid * patch,
        "cls_token_per_teacher": True,
        "register_multiple": 8,
        "dtype": torch.float32,
        "mlp_version": "v2",
        "teachers": copy.deepcopy(TEACHERS),
    }
    file_args.update(args)
    return {"arch": model, "epoch": 1, "state_dict": b.state, "args": argparse.Namespace(**file_args)}


def save(checkpoint, path):
    torch.save(checkpoint, path)
    return path


def remote_folder(folder, checkpoint, summary_idxs=None, shards=1, **changes):
    """Writes `checkpoint` as a remote-code folder; head K becomes the adaptor of teacher K's name."""
    args = {**vars(checkpoint["args"]), **changes}
    names = [t["name"] for t in args["teachers"]]
    state = {}
    for key, value in checkpoint["state_dict"].items():
        parts = key.split(".")
        if parts[0] in ("_heads", "_feature_projections"):
            kind = "head_mlp" if parts[0] == "_heads" else "feat_mlp"
            key = ".".join(["radio_model.adaptors", names[int(parts[1])], kind, *parts[2:]])
        else:
            key = "radio_model." + key.replace("base_model.", "model.")
        state[key] = value
    if summary_idxs is not None:
        state["radio_model.summary_idxs"] = torch.tensor(summary_idxs)
    folder.mkdir()
    args["dtype"] = str(args["dtype"]).replace("torch.", "")
    (folder / "config.json").write_text(json.dumps({"architectures": ["RADIOModel"], "args": args}))
    keys = sorted(state)
    for i in range(shards):
        name = "model.safetensors" if shards == 1 else f"model-{i + 1:05}-of-{shards:05}.safetensors"
        save_file({k: state[k].contiguous() for k in keys[i::shards]}, folder / name)
    if shards > 1:
        places = {k: f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards) for k in keys[i::shards]}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return folder
