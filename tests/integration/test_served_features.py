"""Checkpoint -> export -> server -> gRPC, against an independent forward pass."""

import shutil
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
import torch
from helpers import distance, images, tensor
from radio_export.manifest import read_manifest
from reference import Reference
from served import REPOSITORY, array_of, connect, image_of
from synthetic import save, vit_checkpoint

torch.set_num_threads(1)  # As in tests/export.

LIMIT = 1e-4  # Largest difference in units of the output's rms, float32.
BFLOAT16_LIMIT = 0.14  # The same for bfloat16, as the published models' own bfloat16 runs differ from float32.

# name -> (version, how its file differs from a plain ViT, export options, reference options).
MODELS = {
    "v1": ("radio_v1", dict(model="vit_huge_patch14_224", patch=14, grid=11, gp="avg"), [], {}),
    "v2": (
        "radio_v2",
        dict(model="vit_huge_patch16_224_mlpnorm", model_norm=True, prefix=16, register_multiple=16),
        [],
        {},
    ),
    "v2-2024": (
        "radio_v2",
        dict(model="vit_huge_patch16_224_mlpnorm", model_norm=True, prefix=16, register_multiple=16),
        ["--era", "2024"],
        dict(align_corners=True),
    ),
    "v2.1-bf16": (
        "radio_v2.1",
        dict(model="vit_huge_patch16_224_mlpnorm", model_norm=True, prefix=16, register_multiple=16),
        ["--precision", "bfloat16"],
        {},
    ),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """{name: (folder, checkpoint)}."""
    root = tmp_path_factory.mktemp("models")
    result = {}
    for name, (version, difference, options, _) in MODELS.items():
        checkpoint = vit_checkpoint(**difference)
        file = save(checkpoint, root / f"{name}.pth.tar")
        command = [sys.executable, "-m", "radio_export", "export", "--checkpoint", file, "--version", version]
        subprocess.run(
            [*command, "--output", root / name, *options],
            check=True,
            cwd=REPOSITORY / "model/export",
            capture_output=True,
        )
        result[name] = (root / name, checkpoint)
    return result


def pictures_of(name):
    patch = MODELS[name][1].get("patch", 16)
    grids = [(4, 3), (2, 6), (11, 11), (1, 1), (12, 12), (3, 9)]
    return images([(h * patch, w * patch) for h, w in grids])


def extract(api, stub, model, pictures, adaptors=("backbone",)):
    """[{adaptor: (summary, features)}] per picture."""
    request = api.ExtractRequest(model=model, images=[image_of(api, p) for p in pictures])
    for adaptor in adaptors:
        request.outputs.add(adaptor=adaptor, summary=True, features=True, layout=api.FEATURE_LAYOUT_NLC)
    results = stub.Extract(request, timeout=60).results
    assert [r.status.code for r in results] == [0] * len(pictures), [r.status.message for r in results]
    return [{o.adaptor: (array_of(o.summary), array_of(o.features)) for o in r.outputs} for r in results]


def wanted(name, folder, checkpoint, picture):
    """{output: (summary, features)} of the reference."""
    reference = Reference(checkpoint, **MODELS[name][3])
    prefix, features = reference(tensor(picture))
    outputs = {"backbone": (prefix[list(read_manifest(folder).summary_indices)].flatten(), features)}
    for k, teacher in enumerate(checkpoint["args"].teachers):
        summary = reference.head_v2(prefix[k : k + 1], f"_heads.{k}")[0]
        outputs[teacher["name"]] = (summary, reference.head_v2(features, f"_feature_projections.{k}"))
    return outputs


def worst_distance(name, folder, checkpoint, pictures, got):
    worst = 0.0
    for picture, outputs in zip(pictures, got, strict=True):
        for output, pair in wanted(name, folder, checkpoint, picture).items():
            if output in outputs:
                ours = [torch.tensor(a) for a in outputs[output]]
                worst = max(worst, *(distance(a, b) for a, b in zip(ours, pair, strict=True)))
    return worst


def test_served_features_are_those_of_the_checkpoint(api, start, exported):
    stub = connect(api, start({name: folder for name, (folder, _) in exported.items()}))
    for name, (folder, checkpoint) in exported.items():
        pictures = pictures_of(name)
        adaptors = ["backbone", *(a.name for a in read_manifest(folder).adaptors)]
        got = extract(api, stub, name, pictures, adaptors)
        limit = BFLOAT16_LIMIT if "bf16" in name else LIMIT
        assert worst_distance(name, folder, checkpoint, pictures, got) < limit, name
        # Negative control: the comparison sees another image's features.
        assert worst_distance(name, folder, checkpoint, pictures[:1] * 2, [got[0], got[0]]) < limit, name
        swapped = [{"backbone": got[1]["backbone"]}]
        assert worst_distance(name, folder, checkpoint, pictures[:1], swapped) > 10 * limit, name


def test_era_changes_what_the_comparison_sees(api, start, exported):
    folder, checkpoint = exported["v2-2024"]
    stub = connect(api, start({"v2-2024": folder}))
    pictures = pictures_of("v2")
    got = extract(api, stub, "v2-2024", pictures[:2])
    assert worst_distance("v2", folder, checkpoint, pictures[:2], got) > 100 * LIMIT


@pytest.mark.parametrize("name, limit", [("v2", 1e-4), ("v2.1-bf16", 1e-2)])
def test_an_image_alone_equals_the_image_packed_with_any_others(api, start, exported, name, limit):
    stub = connect(api, start({name: exported[name][0]}))
    pictures = pictures_of(name)
    alone = [extract(api, stub, name, [p])[0]["backbone"] for p in pictures]
    generator = np.random.default_rng(7)
    for _ in range(4):
        order = generator.permutation(len(pictures))
        for k, got in zip(order, extract(api, stub, name, [pictures[k] for k in order]), strict=True):
            for a, b in zip(alone[k], got["backbone"], strict=True):
                assert np.abs(a - b).max() <= limit * a.std()


def test_self_test_refuses_a_model_that_computes_something_else(start, exported, tmp_path):
    folder = tmp_path / "tampered"
    shutil.copytree(exported["v2"][0], folder)
    manifest = folder / "manifest.textproto"
    text = manifest.read_text()
    other = exported["v2-2024"][0]
    shutil.copy(other / "backbone.pt", folder / "backbone.pt")
    ours, theirs = read_manifest(exported["v2"][0]).backbone, read_manifest(other).backbone
    text = text.replace(ours.sha256, theirs.sha256).replace(str(ours.byte_size), str(theirs.byte_size))
    manifest.write_text(text)
    with pytest.raises(RuntimeError, match="self-test"):
        start({"tampered": folder})


def test_the_program_outlives_scrapes(start, exported):
    # LibTorch's thread-local variables lie on every thread's stack: a small one is too small for a scrape.
    server = start({"v1": exported["v1"][0]})
    for _ in range(3):
        with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert b"radio_images_received_total" in answer.read()
    assert server.process.poll() is None
