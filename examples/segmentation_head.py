"""A segmentation head on dense features: a linear layer, trained on frozen features.

    python examples/segmentation_head.py

The data is made here: discs and squares of noisy colours on a noisy ground, with their masks. Replace `scene` by your
own images and masks; the rest stays. Needs `radio_client` and torch.
"""

import argparse
import os

import numpy as np
import torch
from radio_client import Client

CLASSES = ["ground", "disc", "square"]
COLOURS = np.array([[90, 110, 90], [200, 60, 60], [60, 80, 200]])
SIDE = 192


def scene(generator):
    """(image uint8 `[SIDE, SIDE, 3]`, mask of class numbers `[SIDE, SIDE]`)."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mask = np.zeros((SIDE, SIDE), np.int64)
    for kind in generator.permutation([1, 1, 2, 2]):
        radius = generator.integers(SIDE // 10, SIDE // 4)
        row, column = generator.integers(0, SIDE, 2)
        down, right = np.abs(rows - row), np.abs(columns - column)
        mask[(np.hypot(down, right) if kind == 1 else np.maximum(down, right)) < radius] = kind
    noisy = COLOURS[mask] + generator.normal(0, 25, (SIDE, SIDE, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8), mask


def features_of(client, images):
    """`[images, h, w, D]`."""
    results = client.encode(images, summary=False, features=True, layout="NHWC", in_flight=16)
    return torch.from_numpy(np.stack([image.features() for image in results]))


def token_labels(masks, height, width):
    """The most frequent class in each token's patch: `[images, h, w]`."""
    patches = torch.from_numpy(masks).reshape(len(masks), height, SIDE // height, width, SIDE // width)
    patches = patches.permute(0, 1, 3, 2, 4).flatten(3)
    return torch.nn.functional.one_hot(patches, len(CLASSES)).sum(3).argmax(-1)


def train(features, labels, steps=200):
    """A linear layer behind a fixed normalisation; the best there is for cross entropy and a little weight decay."""
    normalise = torch.nn.BatchNorm1d(features.shape[-1], affine=False, momentum=None)
    head = torch.nn.Sequential(normalise, torch.nn.Linear(features.shape[-1], len(CLASSES)))
    tokens, targets = features.flatten(0, 2), labels.flatten()
    head(tokens)  # Means and variances.
    head.eval()
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.01, weight_decay=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(head(tokens), targets).backward()
        optimizer.step()
    return head


def mean_iou(head, features, masks):
    """The head's scores, scaled up to pixels, against the masks."""
    with torch.no_grad():
        scores = head(features.flatten(0, 2)).reshape(*features.shape[:3], -1).permute(0, 3, 1, 2)
        scores = torch.nn.functional.interpolate(scores, (SIDE, SIDE), mode="bilinear", align_corners=False)
    found, wanted = scores.argmax(1).numpy(), masks
    ious = [np.sum((found == c) & (wanted == c)) / np.sum((found == c) | (wanted == c)) for c in range(len(CLASSES))]
    return float(np.mean(ious))


def main():
    parser = argparse.ArgumentParser(description="Trains a linear segmentation head on synthetic scenes.")
    parser.add_argument("--server", default=os.environ.get("RADIO_SERVER", "localhost:50051"))
    parser.add_argument("--images", type=int, default=32)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    torch.manual_seed(0)
    images, masks = (np.stack(part) for part in zip(*(scene(generator) for _ in range(options.images)), strict=True))
    with Client(options.server) as client:
        features = features_of(client, images)
    labels = token_labels(masks, *features.shape[1:3])
    held_out = options.images // 4
    head = train(features[held_out:], labels[held_out:])
    print(f"mean IoU on {held_out} unseen scenes: {mean_iou(head, features[:held_out], masks[:held_out]):.3f}")
    everything_ground = np.mean(masks[:held_out] == 0) / len(CLASSES)
    print(f"calling everything ground: {everything_ground:.3f}")


if __name__ == "__main__":
    main()
