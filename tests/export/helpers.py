"""Runs an exported artefact and measures distances."""

import torch
from radio_export.manifest import read_manifest
from radio_export.selftest import make_image, run_artefact

SIZES = ((64, 48), (32, 96), (192, 192))


def images(sizes=SIZES):
    """uint8 `[H, W, 3]` arrays, different pictures."""
    return [make_image(h, w, i + 3) for i, (h, w) in enumerate(sizes)]


def outputs(directory, pictures, together=True):
    """{name: [(summary `[C]`, features `[T, D]`) per image]}, in one batch or one image at a time."""
    manifest = read_manifest(directory)
    if not together:
        single = [outputs(directory, [p]) for p in pictures]
        return {name: [s[name][0] for s in single] for name in single[0]}
    factor = {"backbone": 1, **{a.name: a.upsample_factor for a in manifest.adaptors}}
    cells = [p.shape[0] // manifest.patch_size * (p.shape[1] // manifest.patch_size) for p in pictures]
    result = {}
    for name, (summary, features) in run_artefact(directory, manifest, pictures).items():
        parts = features.split([c * factor[name] ** 2 for c in cells]) if features.numel() else [features] * len(cells)
        result[name] = [(summary[i] if summary.numel() else summary, part) for i, part in enumerate(parts)]
    return result


def distance(got, want):
    """Largest difference in units of the rms of `want`; infinite when a shape differs."""
    got, want = got.detach().double(), want.detach().double()
    if got.shape != want.shape:
        return float("inf")
    return float((got - want).abs().max() / want.pow(2).mean().sqrt())


def tensor(image):
    return torch.from_numpy(image)
