"""Files with training leftovers: parametrised weights, wrappers in names, half precision, averaged weights."""

import pytest
import torch
from helpers import distance, images, outputs
from radio_export.manifest import read_manifest
from synthetic import save, vit_checkpoint

LIMIT = 1e-5


def export(run, checkpoint, path, version="radio_v2.5-b", pictures=None):
    save(checkpoint, path.with_suffix(".pth"))
    arguments = ["--checkpoint", path.with_suffix(".pth"), "--version", version, "--output", path]
    code, error = run("export", *arguments, "--adaptors", "clip")
    assert code == 0, error
    return outputs(path, pictures or images())


@pytest.fixture(scope="module")
def plain_outputs(tmp_path_factory):
    """Outputs of `vit_checkpoint()` as it is."""
    from radio_export.cli import main

    def run(*arguments):
        return main([str(a) for a in arguments]), ""

    return export(run, vit_checkpoint(), tmp_path_factory.mktemp("plain") / "o")


def assert_equal(got, want, limit=LIMIT):
    for name in want:
        for a, b in zip(got[name], want[name], strict=True):
            assert distance(a[0], b[0]) <= limit and distance(a[1], b[1]) <= limit


def spectral(weight, version, eps, seed, power_step=True):
    """(buffers, effective weight) of one chunk: W s / (u^T W v + eps) after one step of power iteration."""
    generator = torch.Generator().manual_seed(seed)
    u, v = (torch.nn.functional.normalize(torch.randn(n, generator=generator), dim=0) for n in weight.shape)
    left, right = u, v
    if power_step:
        left = (weight @ v) / (weight @ v).norm()
        right = (weight.T @ left) / (weight.T @ left).norm()
    raw = torch.tensor(0.7)
    scale = torch.log1p(torch.exp(raw)) + 0.05 if version == 2 else raw
    effective = weight * scale / (torch.outer(left, right) * weight).sum().add(eps)
    buffers = {"_u": u, "_v": v, "scale": raw}
    if version == 2:
        buffers["_sn_version"] = torch.tensor(2.0)
    return buffers, effective


def parametrise(checkpoint, version, eps, power_step=True, skip_values=False):
    """(file with spectral parametrisations in blocks and heads, the same file with plain weights)."""
    stored, plain = {}, {}
    for n, (key, tensor) in enumerate(checkpoint["state_dict"].items()):
        if tensor.dim() != 2 or "blocks" not in key or not key.endswith(".weight"):
            stored[key] = plain[key] = tensor
            continue
        prefix = key[: -len("weight")] + "parametrizations.weight."
        parts = {"qkv": 3, "w12": 2}.get(key.split(".")[-2], 1)
        stored[prefix + "original"], rows = tensor, []
        for i, chunk in enumerate(tensor.chunk(parts)):
            buffers, effective = spectral(chunk, version, eps, 10 * n + i, power_step)
            if skip_values and parts == 3 and i == 2:
                buffers, effective = {}, chunk
            middle = f"0.parts.{i}." if parts > 1 else "0."
            stored.update({prefix + middle + k: v for k, v in buffers.items()})
            rows.append(effective)
        plain[key] = torch.cat(rows)
    return {**checkpoint, "state_dict": stored}, {**checkpoint, "state_dict": plain}


@pytest.mark.parametrize(
    "option,version,eps", [(True, 2, 1e-6), (True, 1, 1e-6), ({"eps": 1e-3}, 2, 1e-3), ({}, 2, 1e-12)]
)
def test_spectral_weights_are_baked(option, version, eps, run, tmp_path):
    stored, plain = parametrise(vit_checkpoint(spectral_reparam=option), version, eps)
    want = export(run, plain, tmp_path / "plain")
    assert_equal(export(run, stored, tmp_path / "stored"), want)
    _, other = parametrise(vit_checkpoint(), version, eps, power_step=False)
    assert distance(export(run, other, tmp_path / "other")["clip"][0][1], want["clip"][0][1]) > 1e-2


def test_spectral_parts_of_swiglu_and_unnormalised_values(run, tmp_path):
    arguments = dict(model="dino_v2_g_student", patch=14, prefix=5, scale="gamma", cls_token_per_teacher=False)
    checkpoint = vit_checkpoint(**arguments, spectral_reparam=True)
    stored, plain = parametrise(checkpoint, 2, 1e-6, skip_values=True)
    options = dict(version="radio_v2.5-g", pictures=images([(28, 42)]))
    want = export(run, plain, tmp_path / "plain", **options)
    assert_equal(export(run, stored, tmp_path / "stored", **options), want)


@pytest.mark.parametrize("gone", ["_u", "scale", "original"])
def test_incomplete_parametrisation_is_refused(gone, run, tmp_path):
    stored, _ = parametrise(vit_checkpoint(spectral_reparam=True), 2, 1e-6)
    key = next(k for k in stored["state_dict"] if k.endswith(gone))
    del stored["state_dict"][key]
    save(stored, tmp_path / "c")
    code, error = run("export", "--checkpoint", tmp_path / "c", "--version", "radio_v2.5-b", "--output", tmp_path / "o")
    assert code == 1 and "parametri" in error and error.count("\n") == 1


def test_identity_parametrisation_changes_names_only(plain_outputs, run, tmp_path):
    checkpoint = vit_checkpoint()
    checkpoint["state_dict"] = {
        k[: -len("weight")] + "parametrizations.weight.original" if v.dim() == 2 and k.endswith(".weight") else k: v
        for k, v in checkpoint["state_dict"].items()
    }
    assert_equal(export(run, checkpoint, tmp_path / "damp"), plain_outputs, 0.0)


@pytest.mark.parametrize("wrap", ["module.{}", "_orig_mod.{}", "module._orig_mod.{}", "inside"])
def test_training_wrappers_are_taken_off(wrap, plain_outputs, run, tmp_path):
    checkpoint = vit_checkpoint()

    def inside(k):
        return k.replace("base_model.", "base_model._orig_mod.")

    checkpoint["state_dict"] = {
        inside(k) if wrap == "inside" else wrap.format(k): v for k, v in checkpoint["state_dict"].items()
    }
    assert_equal(export(run, checkpoint, tmp_path / "wrapped"), plain_outputs, 0.0)


def test_colliding_names_are_refused(run, tmp_path):
    checkpoint = vit_checkpoint()
    checkpoint["state_dict"]["module._heads.0.fc1.bias"] = torch.zeros(28)
    save(checkpoint, tmp_path / "c")
    code, error = run("export", "--checkpoint", tmp_path / "c", "--version", "radio_v2.5-b", "--output", tmp_path / "o")
    assert code == 1 and "two tensors are called _heads.0.fc1.bias" in error


def test_averaged_weights_win(plain_outputs, run, tmp_path):
    both = {**vit_checkpoint(seed=2), "state_dict_ema": vit_checkpoint()["state_dict"]}
    assert_equal(export(run, both, tmp_path / "both"), plain_outputs, 0.0)


def test_half_stored_file_runs_in_float32_with_its_own_rounded_conditioner(run, tmp_path):
    checkpoint = vit_checkpoint()
    half = {**checkpoint, "state_dict": {k: v.half() for k, v in checkpoint["state_dict"].items()}}
    widened = {**checkpoint, "state_dict": {k: v.half().float() for k, v in checkpoint["state_dict"].items()}}
    got = export(run, half, tmp_path / "half")
    assert_equal(got, export(run, widened, tmp_path / "widened"), 0.0)
    manifest = read_manifest(tmp_path / "half")
    assert manifest.precision == "float32"
    assert list(manifest.mean) == [float(torch.tensor(v).half()) for v in (0.48145466, 0.4578275, 0.40821073)]


def test_precision_that_is_not_served_asks_for_a_choice(run, tmp_path):
    save(vit_checkpoint(dtype=torch.float16), tmp_path / "c")
    arguments = ["--checkpoint", tmp_path / "c", "--version", "radio_v2.5-b", "--output", tmp_path / "o"]
    code, error = run("export", *arguments)
    assert code == 1 and "--precision" in error
    assert run("export", *arguments, "--precision", "float32", "--adaptors", "clip") == (0, "")
