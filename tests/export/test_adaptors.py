"""Every kind of teacher head against an independent computation, and the rules that choose tokens and heads."""

import pytest
import torch
import torch.nn.functional as F
from helpers import distance, images, outputs, tensor
from radio_export.manifest import read_manifest
from reference import Reference
from synthetic import Builder, save, vit_checkpoint

LIMIT = 1e-4


def replace_head(checkpoint, prefix, seed, fill, *arguments, **options):
    """Drops the head under `prefix` and lets `fill` (a method of Builder) write another."""
    state = {k: v for k, v in checkpoint["state_dict"].items() if not k.startswith(prefix + ".")}
    builder = Builder(seed)
    getattr(builder, fill)(prefix, *arguments, **options) if isinstance(fill, str) else fill(builder, prefix)
    checkpoint["state_dict"] = {**state, **builder.state}
    return checkpoint


def export(run, checkpoint, tmp_path, *options, version="radio_v2.5-b"):
    path = save(checkpoint, tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", version, "--output", tmp_path / "o", *options)
    assert code == 0, error
    return tmp_path / "o"


def adaptor(directory, name):
    return next(a for a in read_manifest(directory).adaptors if a.name == name)


def features(directory, name, pictures):
    return [pair[1] for pair in outputs(directory, pictures)[name]]


@pytest.mark.parametrize("inner", [0, 2])
def test_mlp_v1_head(inner, run, tmp_path):
    def fill(b, prefix):
        b.linear(prefix + ".fc1", 32, 28)
        b.affine(prefix + ".norm", 28)
        for i in range(inner):
            b.linear(f"{prefix}.inner.{3 * i}", 28, 28)
            b.affine(f"{prefix}.inner.{3 * i + 1}", 28)
        b.linear(prefix + ".fc2", 28, 10)

    checkpoint = vit_checkpoint()
    for prefix in ("_heads.1", "_feature_projections.1"):
        replace_head(checkpoint, prefix, 7, fill)
    checkpoint["args"].mlp_version = "v1"
    directory = export(run, checkpoint, tmp_path, "--adaptors", "siglip")
    reference, pictures = Reference(checkpoint), images()

    def head(x, name):
        x = F.relu(reference.norm(reference.linear(x, name + ".fc1"), name + ".norm", 1e-5))
        for i in range(inner):
            x = F.relu(reference.norm(reference.linear(x, f"{name}.inner.{3 * i}"), f"{name}.inner.{3 * i + 1}", 1e-5))
        return reference.linear(x, name + ".fc2")

    for picture, (summary, got) in zip(pictures, outputs(directory, pictures)["siglip"], strict=True):
        prefix, tokens = reference(tensor(picture))
        assert distance(summary, head(prefix[1], "_heads.1")) < LIMIT
        assert distance(got, head(tokens, "_feature_projections.1")) < LIMIT


def attention_head(b, prefix):
    for i in range(2):
        b.block(f"{prefix}.blocks.{i}", 32, 128, qkv_bias=False, scale="gamma")
    b.mlp_v2(prefix + ".mlp", 32, 10, inner=0)


def test_attention_head_sees_one_image_at_a_time(run, tmp_path):
    checkpoint = replace_head(vit_checkpoint(), "_feature_projections.2", 9, attention_head)
    directory = export(run, checkpoint, tmp_path, "--adaptors", "dino_v2")
    reference, pictures = Reference(checkpoint), images()
    name = "_feature_projections.2"
    for picture, got in zip(pictures, features(directory, "dino_v2", pictures), strict=True):
        _, x = reference(tensor(picture))
        for i in range(2):
            x = reference.block(x, f"{name}.blocks.{i}", heads=16)
        assert distance(got, reference.head_v2(x, name + ".mlp")) < LIMIT


def test_attention_summary_head_does_not_exist(run, tmp_path):
    """The same keys under a summary head are unknown ones."""
    checkpoint = replace_head(vit_checkpoint(), "_heads.2", 9, attention_head)
    path = save(checkpoint, tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", "radio_v2.5-b", "--output", tmp_path / "o")
    assert code == 1 and "_heads.2" in error


@pytest.mark.parametrize("factor", [2, 3])
def test_upsampling_head_refines_the_grid(factor, run, tmp_path):
    checkpoint = replace_head(vit_checkpoint(), "_feature_projections.3", 4, "mlp_v2", 32, factor**2 * 5)
    checkpoint["args"].teachers[3]["fd_upsample_factor"] = factor
    directory = export(run, checkpoint, tmp_path, "--adaptors", "sam")
    assert (adaptor(directory, "sam").feature_dim, adaptor(directory, "sam").upsample_factor) == (5, factor)
    reference, pictures = Reference(checkpoint), images()
    for picture, got in zip(pictures, features(directory, "sam", pictures), strict=True):
        _, tokens = reference(tensor(picture))
        h, w = picture.shape[0] // 16, picture.shape[1] // 16
        cells = reference.head_v2(tokens, "_feature_projections.3").view(h, w, factor, factor, 5)
        want = torch.empty(h * factor, w * factor, 5)
        for y in range(h * factor):
            for x in range(w * factor):
                want[y, x] = cells[y // factor, x // factor, y % factor, x % factor]
        assert distance(got, want.view(-1, 5)) < LIMIT


def test_upsampling_width_must_fit(run, tmp_path):
    checkpoint = vit_checkpoint()
    checkpoint["args"].teachers[3]["fd_upsample_factor"] = 3  # 28 channels are no multiple of 9.
    path = save(checkpoint, tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", "radio_v2.5-b", "--output", tmp_path / "o")
    assert code == 1 and "not a multiple of 3^2" in error


@pytest.mark.parametrize("slot", [None, 0, 3, 6])
def test_summary_head_reads_the_token_of_its_slot(slot, run, tmp_path):
    checkpoint = vit_checkpoint()
    checkpoint["args"].teachers[2]["token_slot"] = slot
    directory = export(run, checkpoint, tmp_path, "--adaptors", "dino_v2")
    reference, picture = Reference(checkpoint), images()[0]
    prefix, _ = reference(tensor(picture))
    want = reference.head_v2(prefix[2 if slot is None else slot], "_heads.2")
    assert distance(outputs(directory, [picture])["dino_v2"][0][0], want) < LIMIT
    other = reference.head_v2(prefix[5], "_heads.2")
    assert distance(outputs(directory, [picture])["dino_v2"][0][0], other) > 0.01


def test_slot_beyond_the_prefix_is_refused(run, tmp_path):
    checkpoint = vit_checkpoint(prefix=8)
    checkpoint["args"].teachers[2]["token_slot"] = 8
    path = save(checkpoint, tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", "radio_v2.5-b", "--output", tmp_path / "o")
    assert code == 1 and "token 8 of 8" in error


def test_teachers_with_one_head_export_that_head_only(run, tmp_path):
    checkpoint = vit_checkpoint()
    for gone in ("_heads.3.", "_feature_projections.0."):
        checkpoint["state_dict"] = {k: v for k, v in checkpoint["state_dict"].items() if not k.startswith(gone)}
    directory = export(run, checkpoint, tmp_path)
    got = {a.name: (a.summary_dim, a.feature_dim) for a in read_manifest(directory).adaptors}
    assert got == {"clip": (24, 0), "siglip": (18, 22), "dino_v2": (30, 26), "sam": (0, 28)}
    modules = [torch.jit.load(str(directory / f"adaptor_{n}.pt")) for n in ("clip", "sam", "siglip")]
    methods = [(hasattr(m, "summary"), hasattr(m, "features")) for m in modules]
    assert methods == [(True, False), (False, True), (True, True)]


def test_heads_may_be_keyed_by_the_teachers_name(run, tmp_path):
    by_index, by_name = vit_checkpoint(), vit_checkpoint()
    names = [t["name"] for t in by_name["args"].teachers]
    by_name["state_dict"] = {
        ".".join([p[0], names[int(p[1])], *p[2:]]) if k.startswith("_") else k: v
        for k, v in by_name["state_dict"].items()
        for p in [k.split(".")]
    }
    pictures, got = images(), []
    for checkpoint in (by_index, by_name):
        got.append(outputs(export(run, checkpoint, tmp_path), pictures))
    for name in got[0]:
        for a, b in zip(got[0][name], got[1][name], strict=True):
            assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])


def test_index_one_does_not_catch_index_ten(run, tmp_path):
    checkpoint = vit_checkpoint(prefix=16)
    teachers = checkpoint["args"].teachers
    teachers += [{"name": f"t{i}", "type": "x", "model": "y"} for i in range(4, 11)]
    builder = Builder(3)
    builder.mlp_v2("_heads.10", 32, 9)
    checkpoint["state_dict"].update(builder.state)
    directory = export(run, checkpoint, tmp_path)
    got = {a.name: a.summary_dim for a in read_manifest(directory).adaptors}
    assert got == {"clip": 24, "siglip": 18, "dino_v2": 30, "sam": 16, "t10": 9}


@pytest.mark.parametrize(
    "flags,names,era,expected",
    [
        ([True, False, True, False], "abcd", "head", [0, 2]),
        ([True, True, True, True], "abcd", "head", [0, 1, 2, 3]),
        ([True, True, True, True], "abab", "head", [0, 1]),
        ([True, True, True, True], "abab", "2024", [0, 1, 2, 3]),
    ],
)
def test_summary_indices(flags, names, era, expected, run, tmp_path):
    checkpoint = vit_checkpoint()
    for teacher, flag, name in zip(checkpoint["args"].teachers, flags, names, strict=True):
        teacher.update(use_summary=flag, name=name)
    directory = export(run, checkpoint, tmp_path, "--era", era, "--adaptors", "b")
    manifest = read_manifest(directory)
    assert list(manifest.summary_indices) == expected
    assert (manifest.adaptors[0].summary_dim, manifest.adaptors[0].feature_dim) == (18, 22)  # The first b.
    prefix, _ = Reference(checkpoint, align_corners=era == "2024")(tensor(images()[0]))
    assert distance(outputs(directory, images()[:1])["backbone"][0][0], prefix[expected].flatten()) < LIMIT


def test_one_class_token_serves_every_teacher(run, tmp_path):
    checkpoint = vit_checkpoint(
        model="dino_v2_g_student", patch=14, prefix=5, scale="gamma", cls_token_per_teacher=False, cpe_num_registers=4
    )
    directory = export(run, checkpoint, tmp_path, version="radio_v2.5-g")
    assert list(read_manifest(directory).summary_indices) == [0]
    reference, picture = Reference(checkpoint), images([(56, 42)])[0]
    prefix, tokens = reference(tensor(picture))
    got = outputs(directory, [picture])
    assert distance(got["backbone"][0][1], tokens) < LIMIT and distance(got["backbone"][0][0], prefix[0]) < LIMIT
    assert distance(got["dino_v2"][0][0], reference.head_v2(prefix[0], "_heads.2")) < LIMIT


def test_feature_normalizer_comes_before_the_heads(run, tmp_path):
    checkpoint = vit_checkpoint(model="vit_huge_patch16_224")
    builder = Builder(8)
    builder.tensor("_feature_normalizer.mean", 32)
    builder.tensor("_feature_normalizer.tx", 32, 32)
    builder.tensor("_intermediate_feature_normalizer.alphas", 5)
    checkpoint["state_dict"].update(builder.state)
    directory = export(run, checkpoint, tmp_path, "--adaptors", "sam", version="radio_v2.5-h-norm")
    reference, picture = Reference(checkpoint), images()[0]
    prefix, tokens = reference(tensor(picture))
    got = outputs(directory, [picture])
    assert distance(got["backbone"][0][0], prefix[:3].flatten()) < LIMIT
    assert distance(got["backbone"][0][1], tokens) < LIMIT
    assert distance(got["sam"][0][1], reference.head_v2(tokens, "_feature_projections.3")) < LIMIT


def test_normalizer_that_is_missing_is_named(run, tmp_path):
    path = save(vit_checkpoint(model="vit_huge_patch16_224"), tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", "radio_v2.5-h-norm", "--output", tmp_path / "o")
    assert code == 1 and "_feature_normalizer.tx" in error
