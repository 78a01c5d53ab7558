"""Hugging Face folders of both layouts, and the transformers library as a second opinion."""

import json
import os

import pytest
import torch
from helpers import distance, images, outputs, tensor
from radio_export.manifest import read_manifest
from safetensors.torch import save_file
from synthetic import remote_folder, save, vit_checkpoint

LIMIT = 1e-5


def export(run, source, output, *options, version="radio_v2.5-b"):
    code, error = run("export", "--checkpoint", source, "--version", version, "--output", output, *options)
    assert code == 0, error
    return output


@pytest.mark.parametrize("shards", [1, 3])
def test_remote_code_folder_equals_the_checkpoint(shards, run, tmp_path):
    checkpoint = vit_checkpoint()
    want = outputs(export(run, save(checkpoint, tmp_path / "c"), tmp_path / "want"), images())
    folder = remote_folder(tmp_path / "hub", checkpoint, [0, 1, 2], shards)
    got = outputs(export(run, folder, tmp_path / "got"), images())
    assert list(got) == list(want)
    for name in want:
        for a, b in zip(got[name], want[name], strict=True):
            assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert len(read_manifest(tmp_path / "got").source_sha256) == 64


def test_summary_tokens_listed_in_the_folder_win(run, tmp_path):
    folder = remote_folder(tmp_path / "hub", vit_checkpoint(), [0, 2])
    assert list(read_manifest(export(run, folder, tmp_path / "o")).summary_indices) == [0, 2]


def test_bfloat16_folder_of_radio_v2_1(run, tmp_path):
    checkpoint = vit_checkpoint(model="vit_huge_patch16_224_mlpnorm", model_norm=True, prefix=16, dtype=torch.bfloat16)
    folder = remote_folder(tmp_path / "hub", checkpoint)
    assert read_manifest(export(run, folder, tmp_path / "o", version="radio_v2.1")).precision == "bfloat16"


def break_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    config.update(changes)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    "damage,words",
    [
        (lambda f: (f / "config.json").unlink(), "config.json does not exist"),
        (lambda f: (f / "config.json").write_text("{"), "is not JSON"),
        (lambda f: break_config(f, args={}), "names no model"),
        (lambda f: break_config(f, args=None, model_type="bert"), "not the configuration of a RADIO model"),
        (lambda f: (f / "model.safetensors").unlink(), "neither model.safetensors nor"),
        (lambda f: os.truncate(f / "model.safetensors", 5000), "truncated or no safetensors"),
        (lambda f: save_file({"radio_model.model.other": torch.zeros(1)}, f / "model.safetensors"), "missing keys"),
    ],
)
def test_damaged_folder_is_refused_in_one_line(damage, words, run, tmp_path):
    folder = remote_folder(tmp_path / "hub", vit_checkpoint())
    damage(folder)
    code, error = run("export", "--checkpoint", folder, "--version", "radio_v2.5-b", "--output", tmp_path / "o")
    assert code == 1 and words in error and error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_index_never_leads_out_of_the_folder(run, tmp_path):
    folder = remote_folder(tmp_path / "hub", vit_checkpoint(), shards=2)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../secret.safetensors"}}))
    code, error = run("export", "--checkpoint", folder, "--version", "radio_v2.5-b", "--output", tmp_path / "o")
    assert code == 1 and "no plain file names" in error


def test_pickled_weights_are_read_under_the_same_restrictions(run, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    folder = remote_folder(tmp_path / "hub", vit_checkpoint())
    (folder / "model.safetensors").unlink()
    torch.save({"a": Attack()}, folder / "pytorch_model.bin")
    code, error = run("export", "--checkpoint", folder, "--version", "radio_v2.5-b", "--output", tmp_path / "o")
    assert code == 1 and "refused" in error and not (tmp_path / "executed").exists()


@pytest.fixture(scope="module")
def library_model():
    """A small random model of the transformers library, layer scales away from 1."""
    import transformers

    torch.manual_seed(0)
    config = transformers.RadioConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_img_size=192,
        num_cls_tokens=3,
        num_registers=7,
        summary_idxs=[0, 1],
    )
    model = transformers.RadioModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_((0.5 if "scale" in name or "norm" in name else 0.0) + 0.3 * torch.randn(parameter.shape))
    return model


@pytest.mark.parametrize("names", ["as saved", "native"])
def test_native_folder_equals_the_transformers_library(names, library_model, run, tmp_path):
    folder = tmp_path / "hub"
    library_model.save_pretrained(folder)
    if names == "native":
        state = {k: v.contiguous() for k, v in library_model.state_dict().items()}
        assert any(".q_proj." in k for k in state)
        save_file(state, folder / "model.safetensors")
    directory = export(run, folder, tmp_path / "o", version="c-radio_v4-h")
    pictures = images([(64, 48), (32, 96), (192, 192), (160, 224)])
    for picture, (summary, features) in zip(pictures, outputs(directory, pictures)["backbone"], strict=True):
        with torch.no_grad():
            want = library_model(tensor(picture).permute(2, 0, 1)[None].float() / 255)
        assert distance(summary, want.summary[0]) < LIMIT and distance(features, want.features[0]) < LIMIT
    manifest = read_manifest(directory)
    assert list(manifest.summary_indices) == [0, 1] and manifest.num_prefix_tokens == 10


@pytest.mark.parametrize(
    "change", [{"layer_norm_eps": 1e-5}, {"hidden_act": "gelu_new"}, {"use_swiglu_ffn": True}, {"qkv_bias": False}]
)
def test_native_configuration_of_another_model_is_refused(change, library_model, run, tmp_path):
    library_model.save_pretrained(tmp_path / "hub")
    break_config(tmp_path / "hub", **change)
    arguments = ["--checkpoint", tmp_path / "hub", "--output", tmp_path / "o"]
    code, error = run("export", *arguments, "--version", "c-radio_v4-h")
    assert code == 1 and next(iter(change)) in error


def test_version_without_a_native_form_is_refused(library_model, run, tmp_path):
    library_model.save_pretrained(tmp_path / "hub")
    arguments = ["--checkpoint", tmp_path / "hub", "--output", tmp_path / "o"]
    code, error = run("export", *arguments, "--version", "radio_v2.1")
    assert code == 1 and "does not exist in the layout" in error
