"""Dense features as a picture, by the rules of the C++ client's pca.h."""

import numpy as np
from numpy.typing import NDArray

from radio_client.image_features import Array

Float32 = NDArray[np.float32]


def principal_components(features: Array) -> Float32:
    """`[tokens, channels]` -> `[tokens, 3]`: the centred features along the directions of greatest variance.

    Largest first; 0 where there are fewer directions. Exact (no random projection), and a direction's sign is such that
    its loading of greatest magnitude is positive: equal input, equal picture.
    """
    centred = features.astype(np.float64)
    centred -= centred.mean(axis=0)
    wide = centred.shape[0] < centred.shape[1]
    # The smaller of the two matrices that share the singular vectors.
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    colours = np.zeros((len(centred), 3), np.float32)
    # Below rounding there is no direction.
    floor = max(0.0, float(values[-1])) * 1e-12
    for i in range(min(3, len(values))):
        if values[-1 - i] <= floor:
            continue
        direction = vectors[:, -1 - i]
        if wide:
            direction = centred.T @ direction
            direction /= np.linalg.norm(direction)
        if direction[np.argmax(np.abs(direction))] < 0:
            direction = -direction
        colours[:, i] = centred @ direction
    return colours


def scale_robustly(colours: Float32) -> Float32:
    """Each of the three channels to [0, 1], so that outliers do not take the contrast from the rest.

    Values nearer to the median than twice the median distance span the range, values beyond are clipped. As RADIO's own
    feature pictures are scaled.
    """
    median = _lower_median(colours)
    distance = np.abs(colours - median)
    spread = _lower_median(distance)
    kept = ~((spread > 0) & (distance >= 2 * spread))
    low = np.where(kept, colours, np.float32(np.inf)).min(axis=0)
    high = np.where(kept, colours, np.float32(-np.inf)).max(axis=0)
    extent = np.where(high > low, high - low, np.float32(1))
    scaled: Float32 = np.clip((colours - low) / extent, np.float32(0), np.float32(1)).astype(np.float32)
    return scaled


def paint(colours: Float32, height: int, width: int) -> NDArray[np.uint8]:
    """`[grid_height, grid_width, 3]` in [0, 1] -> `[height, width, 3]`; bilinear, pixel centres aligned."""
    first_row, second_row, down = _blend(colours.shape[0], height)
    first_column, second_column, right = _blend(colours.shape[1], width)
    right, down = right[None, :, None], down[:, None, None]
    rows = colours[:, first_column] * (1 - right) + colours[:, second_column] * right
    picture = rows[first_row] * (1 - down) + rows[second_row] * down
    # Halves upwards, as C's lround; np.round would go to even.
    return np.asarray(np.floor((np.float32(255) * picture).astype(np.float64) + 0.5), np.uint8)


def draw(features: Array, height: int, width: int) -> NDArray[np.uint8]:
    """Features `[h, w, D]` as a picture `[height, width, 3]`."""
    grid_height, grid_width, channels = features.shape
    colours = scale_robustly(principal_components(features.reshape(-1, channels)))
    return paint(colours.reshape(grid_height, grid_width, 3), height, width)


def _lower_median(values: Float32) -> Float32:
    """Per column; the lower middle of an even count."""
    middle = (len(values) - 1) // 2
    return np.asarray(np.partition(values, middle, axis=0)[middle], dtype=np.float32)


def _blend(cells: int, pixels: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Float32]:
    """For each pixel the two cells that it lies between, and the weight of the second."""
    at = (np.arange(pixels, dtype=np.float32) + np.float32(0.5)) * np.float32(cells) / np.float32(pixels)
    at = np.clip(at - np.float32(0.5), np.float32(0), np.float32(cells - 1)).astype(np.float32)
    first = at.astype(np.intp)
    return first, np.minimum(first + 1, cells - 1), at - first.astype(np.float32)
