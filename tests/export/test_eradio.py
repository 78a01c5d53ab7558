"""Both layouts of E-RADIO against independent forward passes, and their window rule."""

import argparse
import functools

import pytest
import torch
import torch.nn.functional as F
from eradio_reference import EradioReference
from eradio_v1_reference import EarlyEradioReference
from helpers import distance, images, outputs, tensor
from radio_export.cli import main
from radio_export.demo import demo_checkpoint
from radio_export.eradio import optimal_window
from radio_export.manifest import read_manifest
from radio_export.versions import VERSIONS
from synthetic import remote_folder, save

LIMIT = 1e-4
SIZES = [(64, 96), (96, 160), (192, 128)]
WINDOWS = [2, 3, 4]  # The optimal ones for SIZES; the first two fill no whole number of windows.
REFERENCES = {"eradio_v1": EarlyEradioReference, "e-radio_v2": EradioReference}


@pytest.fixture(scope="module", params=REFERENCES)
def version(request):
    return request.param


@pytest.fixture(scope="module")
def checkpoint(version):
    """A small file of this version, tables of relative positions with nonsense in them."""
    demo = demo_checkpoint(VERSIONS[version], "tiny", 5)
    return {"state_dict": demo.state, "args": argparse.Namespace(**demo.args)}


@pytest.fixture(scope="module")
def export(version, checkpoint, tmp_path_factory):
    """export(*options) -> artefact of the backbone and at most one adaptor; the same folder for the same options."""
    folder = tmp_path_factory.mktemp(version)
    path, done = save(checkpoint, folder / "c"), {}
    adaptors = ["--adaptors", "clip"] if VERSIONS[version].teachers else []

    def call(*options):
        if options not in done:
            done[options] = folder / str(len(done))
            where = ["--checkpoint", path, "--version", version, "--output", done[options]]
            assert main(["export", *map(str, where + adaptors), *options]) == 0
        return done[options]

    return call


@functools.cache
def computed(directory):
    """The backbone's outputs for SIZES. Loading a scripted module is slow, and no artefact changes here."""
    return outputs(directory, images(SIZES), together=False)["backbone"]


def worst(directory, reference, windows):
    got = computed(directory)
    wanted = [reference(tensor(p), w) for p, w in zip(images(SIZES), windows, strict=True)]
    return max(distance(a, b) for pair, want in zip(got, wanted, strict=True) for a, b in zip(pair, want, strict=True))


def test_window_follows_the_image_by_default(export, version, checkpoint):
    directory, reference = export(), REFERENCES[version](checkpoint)
    assert worst(directory, reference, WINDOWS) < LIMIT
    assert worst(directory, reference, [2, 3, 2]) > 0.001
    manifest = read_manifest(directory)
    assert not manifest.HasField("window_size")
    assert (manifest.resolution_step, manifest.patch_size, manifest.mixed_sizes) == (32, 16, False)
    assert (manifest.default_layout, manifest.num_prefix_tokens) == ("NHWC", 1)


def test_fixed_window_is_used_for_every_size(export, version, checkpoint):
    directory = export("--eradio-window", "5")
    assert worst(directory, REFERENCES[version](checkpoint), [5, 5, 5]) < LIMIT
    assert read_manifest(directory).window_size == 5


def test_images_of_one_shape_give_the_same_answer_in_a_batch(export):
    directory = export()
    pictures = images([(96, 64), (96, 64)])
    together, alone = outputs(directory, pictures), outputs(directory, pictures, together=False)
    for name in together:
        for got, want in zip(together[name], alone[name], strict=True):
            assert distance(got[0], want[0]) < 1e-5 and distance(got[1], want[1]) < 1e-5


CHANGED = {
    "eradio_v1": ["levels.1.blocks.m.0.cv2.bn.running_var", "base_model.norm.running_mean", "proj.1.norm.running_var"],
    "e-radio_v2": ["levels.1.blocks.m.0.cv2.bn.running_var", "levels.3.blocks.0.attention_blocks.0.pre_conv"],
}


def test_comparison_sees_one_changed_tensor(export, version, checkpoint):
    for part in CHANGED[version]:
        name = next(k for k in checkpoint["state_dict"] if part in k)
        changed = {**checkpoint["state_dict"], name: checkpoint["state_dict"][name] * 1.1}
        assert worst(export(), REFERENCES[version]({"state_dict": changed}), WINDOWS) > LIMIT, name


class Stretched(EarlyEradioReference):
    """Maps stretched to whole windows instead of padded."""

    def attention_level(self, x, level, window):
        size = x.shape[2:]
        unit = window * (2 if level == 2 else 1)
        x = F.interpolate(x, size=[side + -side % unit for side in size], mode="nearest")
        return F.interpolate(super().attention_level(x, level, window), size=size, mode="nearest")


class PaddedInEveryBlock(EarlyEradioReference):
    """Level 3 cut into windows anew, with fresh zeros, for each of its blocks."""

    def attention_level(self, x, level, window):
        if level == 2:
            return super().attention_level(x, level, window)
        for i in range(self.count("levels.3.blocks.")):
            x = self.fine_block(x, f"levels.3.blocks.{i}.attention_blocks.0", window)
        return x


class MeanOfFeatures(EarlyEradioReference):
    """The later version's summary."""

    def combine(self, fine, coarse):
        features = super().combine(fine, coarse)[1]
        return features.mean(0), features


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    """(small eradio_v1 file with two blocks in level 3, its artefact)."""
    demo = demo_checkpoint(VERSIONS["eradio_v1"], "tiny", 5)
    first, second = "levels.3.blocks.0.", "levels.3.blocks.1."
    demo.state.update({k.replace(first, second): v.flip(0) for k, v in demo.state.items() if first in k})
    checkpoint = {"state_dict": demo.state, "args": argparse.Namespace(**demo.args)}
    folder = tmp_path_factory.mktemp("early")
    where = ["--checkpoint", save(checkpoint, folder / "c"), "--version", "eradio_v1", "--output", folder / "o"]
    assert main(["export", *map(str, where)]) == 0
    return checkpoint, folder / "o"


def test_early_layout_matches_its_description_and_nothing_beside_it(early):
    checkpoint, directory = early
    assert worst(directory, EarlyEradioReference(checkpoint), WINDOWS) < LIMIT
    for wrong in (Stretched, PaddedInEveryBlock, MeanOfFeatures):
        assert worst(directory, wrong(checkpoint), WINDOWS) > 0.001, wrong.__name__


def test_early_layout_is_read_from_a_hugging_face_folder(early, run, tmp_path):
    checkpoint, directory = early
    folder = remote_folder(tmp_path / "hub", checkpoint)
    code, error = run("export", "--checkpoint", folder, "--version", "eradio_v1", "--output", tmp_path / "o")
    assert code == 0, error
    pictures = images(SIZES[:1] * 2)
    got, want = (outputs(d, pictures)["backbone"] for d in (tmp_path / "o", directory))
    for a, b in zip(got, want, strict=True):
        assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])


def test_layout_of_the_other_version_is_refused(version, checkpoint, run, tmp_path):
    other = next(name for name in REFERENCES if name != version)
    args = argparse.Namespace(**{**vars(checkpoint["args"]), "model": VERSIONS[other].architecture})
    path = save({**checkpoint, "args": args}, tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", other, "--output", tmp_path / "o")
    assert code == 1 and "neck_features_proj.0.conv" in error and error.count("\n") == 1


def test_bfloat16_stays_near_float32(export):
    exact, rough = computed(export()), computed(export("--precision", "bfloat16"))
    for a, b in zip(exact, rough, strict=True):
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
def test_options_it_lacks_are_refused(options, version, checkpoint, run, tmp_path):
    path = save(checkpoint, tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", version, "--output", tmp_path / "o", *options)
    assert code in (1, 2) and options[0] in error
