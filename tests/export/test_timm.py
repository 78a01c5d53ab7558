"""The timm library as a second opinion on the blocks."""

import pytest
import torch
from helpers import distance, images, outputs, tensor
from reference import Reference
from synthetic import save, vit_checkpoint
from timm.models.vision_transformer import VisionTransformer

CASES = {
    "radio_v2": dict(model="vit_huge_patch16_224_mlpnorm", model_norm=True),
    "radio_v2.5-b": dict(),
    "c-radio_v3-b": dict(model="vit_base_patch16_v2_224", scale="gamma"),
}


def library_model(checkpoint, grid, depth, dim, heads):
    """timm's ViT with the file's tensors; its register tokens play the prefix, at the native grid."""
    args, state = vars(checkpoint["args"]), checkpoint["state_dict"]
    base = {k[len("base_model.") :]: v for k, v in state.items() if k.startswith("base_model.")}
    prefix = base.pop("patch_generator.cls_token.token")
    weights = {
        "patch_embed.proj.weight": base.pop("patch_generator.embedder.weight").view(dim, 3, 16, 16),
        "patch_embed.proj.bias": torch.zeros(dim),
        "pos_embed": base.pop("patch_generator.pos_embed"),
        "reg_token": prefix[None],
        **base,
    }
    model = VisionTransformer(
        img_size=16 * grid,
        embed_dim=dim,
        depth=depth,
        num_heads=heads,
        mlp_ratio=3,
        num_classes=0,
        class_token=False,
        reg_tokens=prefix.shape[0],
        no_embed_class=True,
        global_pool="",
        init_values=1.0 if any(".ls1." in k for k in base) else None,
    )
    if args["model"].endswith("mlpnorm"):
        for block in model.blocks:
            block.mlp.norm = torch.nn.LayerNorm(3 * dim, eps=1e-5)
    if not args["model_norm"]:
        model.norm = torch.nn.Identity()
    model.load_state_dict(weights)
    return model.eval()


@pytest.mark.parametrize("version", CASES)
def test_exported_vit_equals_timm(version, run, tmp_path):
    checkpoint = vit_checkpoint(**CASES[version], grid=12)
    path = save(checkpoint, tmp_path / "c")
    assert run("export", "--checkpoint", path, "--version", version, "--output", tmp_path / "o") == (0, "")
    model, picture = library_model(checkpoint, 12, 5, 32, 4), images([(192, 192)])[0]
    mean, std = Reference(checkpoint).conditioner
    x = (tensor(picture).permute(2, 0, 1).float() / 255 - mean) / std
    with torch.no_grad():
        tokens = model.forward_features(x[None])[0]
    assert distance(outputs(tmp_path / "o", [picture])["backbone"][0][1], tokens[8:]) < 1e-5
