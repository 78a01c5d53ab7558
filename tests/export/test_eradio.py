"""E-RADIO against an independent forward pass, and its window rule."""

import argparse

import pytest
import torch
from eradio_reference import EradioReference
from helpers import distance, images, outputs, tensor
from radio_export.demo import demo_checkpoint
from radio_export.eradio import optimal_window
from radio_export.manifest import read_manifest
from radio_export.versions import VERSIONS
from synthetic import save

LIMIT = 1e-4
SIZES = [(64, 96), (96, 160), (192, 128)]


@pytest.fixture(scope="module")
def checkpoint():
    """A small file of this version, tables of relative positions with nonsense in them."""
    demo = demo_checkpoint(VERSIONS["e-radio_v2"], "tiny", 5)
    return {"state_dict": demo.state, "args": argparse.Namespace(**demo.args)}


@pytest.fixture
def export(run, checkpoint, tmp_path):
    def call(*options):
        path = save(checkpoint, tmp_path / "c")
        arguments = ["--checkpoint", path, "--version", "e-radio_v2", "--output", tmp_path / "o", "--adaptors", "clip"]
        code, error = run("export", *arguments, *options)
        assert code == 0, error
        return tmp_path / "o"

    return call


def worst(directory, checkpoint, windows):
    reference = EradioReference(checkpoint)
    pictures = images(SIZES)
    got = outputs(directory, pictures, together=False)["backbone"]
    wanted = [reference(tensor(p), w) for p, w in zip(pictures, windows, strict=True)]
    return max(distance(a, b) for pair, want in zip(got, wanted, strict=True) for a, b in zip(pair, want, strict=False))


def test_window_follows_the_image_by_default(export, checkpoint):
    directory = export()
    assert worst(directory, checkpoint, [2, 3, 4]) < LIMIT
    assert worst(directory, checkpoint, [2, 3, 2]) > 0.001
    manifest = read_manifest(directory)
    assert not manifest.HasField("window_size")
    assert (manifest.resolution_step, manifest.patch_size, manifest.mixed_sizes) == (32, 16, False)
    assert (manifest.default_layout, manifest.num_prefix_tokens) == ("NHWC", 1)


def test_fixed_window_is_used_for_every_size(export, checkpoint):
    directory = export("--eradio-window", 5)
    assert worst(directory, checkpoint, [5, 5, 5]) < LIMIT
    assert read_manifest(directory).window_size == 5


def test_images_of_one_shape_give_the_same_answer_in_a_batch(export):
    directory = export()
    pictures = images([(96, 64), (96, 64)])
    together, alone = outputs(directory, pictures), outputs(directory, pictures, together=False)
    for name in together:
        for got, want in zip(together[name], alone[name], strict=True):
            assert distance(got[0], want[0]) < 1e-5 and distance(got[1], want[1]) < 1e-5


@pytest.mark.parametrize(
    "key", ["levels.1.blocks.m.0.cv2.bn.running_var", "levels.3.blocks.0.attention_blocks.0.pre_conv"]
)
def test_comparison_sees_one_changed_tensor(key, export, checkpoint):
    directory = export()
    name = next(k for k in checkpoint["state_dict"] if key in k)
    changed = {**checkpoint["state_dict"], name: checkpoint["state_dict"][name] * 1.1}
    assert worst(directory, {"state_dict": changed}, [2, 3, 4]) > LIMIT


def test_bfloat16_stays_near_float32(export):
    exact, rough = ({}, {})
    for store, precision in ((exact, "float32"), (rough, "bfloat16")):
        store.update(outputs(export("--precision", precision), images(SIZES), together=False))
    for a, b in zip(exact["backbone"], rough["backbone"], strict=True):
        assert torch.cosine_similarity(a[1], b[1]).min() > 0.99


@pytest.mark.parametrize(
    "size,window",
    [(224, 7), (256, 8), (384, 12), (432, 13), (512, 16), (544, 1), (608, 1), (768, 12), (1024, 16), (1088, 2)],
)
def test_optimal_window_table(size, window):
    assert optimal_window(size, size) == window == optimal_window(size, size * 2)


@pytest.mark.parametrize(
    "options", [["--vitdet-window-size", "4"], ["--eradio-window", "0"], ["--eradio-window", "big"]]
)
def test_options_it_lacks_are_refused(options, run, checkpoint, tmp_path):
    path = save(checkpoint, tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", "e-radio_v2", "--output", tmp_path / "o", *options)
    assert code in (1, 2) and options[0] in error
