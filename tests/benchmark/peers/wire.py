"""What travels to and from the peers that speak HTTP: raw pixels behind two integers, raw float32 values back."""

import struct

import numpy as np

HEADER = struct.Struct("<II")


def write_image(pixels):
    """uint8 `[H, W, 3]` to bytes."""
    return HEADER.pack(*pixels.shape[:2]) + pixels.tobytes()


def read_image(data):
    height, width = HEADER.unpack_from(data)
    return np.frombuffer(data, np.uint8, offset=HEADER.size).reshape(height, width, 3)


def read_features(data, channels):
    """`[T, channels]`."""
    return np.frombuffer(data, "<f4").reshape(-1, channels)
