"""Exported ViTs against the independent forward pass."""

import re

import pytest
import torch
from helpers import distance, images, outputs, tensor
from radio_export.manifest import read_manifest
from reference import Reference
from synthetic import save, vit_checkpoint

LIMIT = 1e-4

# version -> how its file differs from a plain ViT.
CASES = {
    "radio_v1": dict(model="vit_huge_patch14_224", patch=14, grid=11, gp="avg"),
    "radio_v2": dict(model="vit_huge_patch16_224_mlpnorm", model_norm=True, prefix=16, register_multiple=16),
    "radio_v2.5-b": dict(),
    "c-radio_v3-b": dict(model="vit_base_patch16_v2_224", scale="grandma"),
    "c-radio_v3-l": dict(model="vit_large_patch16_v2_224", scale="gamma"),
    "c-radio_v4-so400m": dict(model="vit_so400m_patch16_224", heads=2),
}


def sizes(patch):
    return [(4 * patch, 3 * patch), (2 * patch, 6 * patch), (11 * patch, 11 * patch), (12 * patch, 12 * patch)]


def compare(directory, checkpoint, pictures, limit=LIMIT, **options):
    """The largest distance of backbone and MLP heads to the reference."""
    reference = Reference(checkpoint, **options)
    indices = list(read_manifest(directory).summary_indices)
    got = outputs(directory, pictures)
    worst = 0.0
    for i, picture in enumerate(pictures):
        prefix, features = reference(tensor(picture))
        wanted = {"backbone": (prefix[indices].flatten(), features)}
        for k, teacher in enumerate(vars(checkpoint["args"])["teachers"]):
            if teacher["name"] in got:
                wanted[teacher["name"]] = (
                    reference.head_v2(prefix[k : k + 1], f"_heads.{k}")[0],
                    reference.head_v2(features, f"_feature_projections.{k}"),
                )
        for name, pair in wanted.items():
            worst = max(worst, *(distance(a, b) for a, b in zip(got[name][i], pair, strict=True)))
    return worst


@pytest.mark.parametrize("version", CASES)
def test_exported_model_computes_what_the_checkpoint_says(version, run, tmp_path):
    checkpoint = vit_checkpoint(**CASES[version])
    where = ["--checkpoint", save(checkpoint, tmp_path / "c"), "--version", version, "--output", tmp_path / "o"]
    code, error = run("export", *where)
    assert code == 0, error
    pictures = images(sizes(CASES[version].get("patch", 16)))
    assert compare(tmp_path / "o", checkpoint, pictures) < LIMIT


@pytest.fixture(scope="module")
def plain_artefact(tmp_path_factory):
    """Of `vit_checkpoint()` as it is."""
    from radio_export.cli import main

    folder = tmp_path_factory.mktemp("plain")
    where = ["--checkpoint", str(save(vit_checkpoint(), folder / "c")), "--output", str(folder / "o")]
    assert main(["export", *where, "--version", "radio_v2.5-b"]) == 0
    return folder / "o"


@pytest.mark.parametrize("change", ["norm1", "attn.proj", "mlp.fc2", "patch_generator.pos_embed"])
def test_comparison_sees_one_changed_tensor(change, plain_artefact):
    checkpoint = vit_checkpoint()
    assert compare(plain_artefact, checkpoint, images()) < LIMIT
    key = next(k for k in checkpoint["state_dict"] if change in k)
    checkpoint["state_dict"][key] *= 1.02
    assert compare(plain_artefact, checkpoint, images()) > LIMIT


def test_comparison_sees_a_missing_mlp_norm(run, tmp_path):
    checkpoint = vit_checkpoint(**CASES["radio_v2"])
    where = ["--checkpoint", save(checkpoint, tmp_path / "c"), "--version", "radio_v2", "--output", tmp_path / "o"]
    assert run("export", *where)[0] == 0
    assert compare(tmp_path / "o", checkpoint, images()) < LIMIT
    for key in [k for k in checkpoint["state_dict"] if ".mlp.norm." in k]:
        del checkpoint["state_dict"][key]
    assert compare(tmp_path / "o", checkpoint, images()) > 100 * LIMIT


def test_comparison_sees_swapped_axes(plain_artefact):
    picture = images()[2]
    _, features = outputs(plain_artefact, [picture])["backbone"][0]
    _, wanted = Reference(vit_checkpoint())(tensor(picture))
    assert distance(features, wanted) < LIMIT
    side = picture.shape[0] // 16
    assert distance(features.view(side, side, -1).transpose(0, 1).flatten(0, 1), wanted) > 100 * LIMIT


def test_era_2024_resizes_positions_with_aligned_corners(run, tmp_path):
    checkpoint = vit_checkpoint()
    arguments = ["--checkpoint", save(checkpoint, tmp_path / "c"), "--version", "radio_v2.5-b", "--era", "2024"]
    assert run("export", *arguments, "--output", tmp_path / "o", "--adaptors", "clip")[0] == 0
    assert compare(tmp_path / "o", checkpoint, images(), align_corners=True) < LIMIT
    assert compare(tmp_path / "o", checkpoint, images(), align_corners=False) > 0.01


def test_image_gives_the_same_answer_alone_and_in_any_batch(plain_artefact):
    pictures = images()
    alone = outputs(plain_artefact, pictures, together=False)
    for order in ((0, 1, 2), (2, 0, 1)):
        packed = outputs(plain_artefact, [pictures[i] for i in order])
        for name in alone:
            for place, i in enumerate(order):
                for got, want in zip(packed[name][place], alone[name][i], strict=True):
                    assert distance(got, want) < 1e-5


def test_bfloat16_keeps_what_meets_the_residual_stream_in_float32_and_heads_round_today_but_not_in_2024(run, tmp_path):
    checkpoint = vit_checkpoint(model="vit_huge_patch16_224_mlpnorm", model_norm=True, prefix=16, dtype=torch.bfloat16)
    path = save(checkpoint, tmp_path / "c")
    for era in ("head", "2024"):
        where = ["--checkpoint", path, "--version", "radio_v2.1", "--output", tmp_path / era]
        code, error = run("export", *where, "--era", era, "--adaptors", "clip")
        assert code == 0, error
        module = torch.jit.load(str(tmp_path / era / "backbone.pt"))
        kinds = {name: t.dtype for name, t in module.state_dict().items()}
        wide = {name for name, kind in kinds.items() if kind == torch.float32}
        norms = {name for name in kinds if re.search(r"^norm\.|\.norm[12]\.", name)}
        assert wide == {"mean", "std", "pos_embed", "prefix"} | norms and "blocks.3.block.norm2.bias" in norms
        features = outputs(tmp_path / era, images())["clip"][0][1]
        assert torch.equal(features, features.bfloat16().float()) == (era == "head")
        assert read_manifest(tmp_path / era).precision == "bfloat16"
    close = compare(tmp_path / "2024", checkpoint, images(), align_corners=True)
    assert 1e-4 < close < 0.2


def test_scaled_layer_norm_is_read_from_the_arguments(run, tmp_path):
    kwargs = {"embed_dim": 32, "depth": 5, "num_heads": 4, "scaled_ln": True}
    checkpoint = vit_checkpoint(model="vit_giant_patch16_224", model_kwargs=kwargs)
    path = save(checkpoint, tmp_path / "c")
    where = ["--checkpoint", path, "--version", "c-radio_v3-g", "--output", tmp_path / "o"]
    assert run("export", *where, "--adaptors", "clip")[0] == 0
    assert compare(tmp_path / "o", checkpoint, images()) < LIMIT
    checkpoint["args"].model_kwargs["scaled_ln"] = False
    assert compare(tmp_path / "o", checkpoint, images()) > 0.01


@pytest.mark.parametrize(
    "options,windowed",
    [
        (["--vitdet-num-windowed", 1], [0, 2, 4, 6]),
        (["--vitdet-num-global", 2], [0, 1, 2, 4, 5, 6]),
        ([], [0, 2, 4, 6]),  # The default of radio_v2.5: 4 global blocks of 8.
        (["--era", "2024"], [0, 1, 2, 3, 4, 6]),  # 5 windowed in a row; the last block is global.
    ],
)
def test_vitdet_windows_follow_the_rule(options, windowed, run, tmp_path):
    checkpoint = vit_checkpoint(depth=8)
    where = ["--checkpoint", save(checkpoint, tmp_path / "c"), "--version", "radio_v2.5-b", "--output", tmp_path / "o"]
    code, error = run("export", *where, "--adaptors", "clip", "--vitdet-window-size", 2, *options)
    assert code == 0, error
    pictures = images([(64, 128), (32, 32), (96, 64)])
    aligned = "2024" in options
    assert compare(tmp_path / "o", checkpoint, pictures, align_corners=aligned, windowed=windowed, window=2) < LIMIT
    assert compare(tmp_path / "o", checkpoint, pictures, align_corners=aligned) > 0.01
    manifest = read_manifest(tmp_path / "o")
    assert (manifest.window_size, manifest.resolution_step) == (2, 32)


def test_vitdet_is_refused_where_the_version_lacks_it(run, tmp_path):
    path = save(vit_checkpoint(model="vit_base_patch16_v2_224", scale="gamma"), tmp_path / "c")
    arguments = ["export", "--checkpoint", path, "--version", "c-radio_v3-b", "--output", tmp_path / "o"]
    code, error = run(*arguments, "--vitdet-window-size", 2)
    assert code == 1 and "c-radio_v3-b does not support ViTDet" in error
