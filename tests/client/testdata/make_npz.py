"""Writes stored.npz and deflated.npz, the fixtures of npy_reader_test: python make_npz.py, beside them."""

import pathlib

import numpy as np

ARRAYS = {
    "embeddings": np.asfortranarray(np.array([[1, 2, 3], [4, 5, 6]], "<f4")),
    "names": np.array([b"cat", "Zürich".encode()]),
    "other": np.arange(2),
    "uni": np.array(["dog", "Zürich €😀"]),
    "half": np.array([0.5, -2], "<f2"),
    "space": np.array("clip"),
}

folder = pathlib.Path(__file__).parent
np.savez(folder / "stored.npz", **ARRAYS)
np.savez_compressed(folder / "deflated.npz", **ARRAYS)
