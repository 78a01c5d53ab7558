"""Zero-shot classes: the cosine of an image's summary and text embeddings of class names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radio_client.errors import ImageError
from radio_client.image_features import Array, ImageFeatures


@dataclass(frozen=True)
class ClassEmbeddings:
    """vectors: `[classes, C]`, made to have length 1. space: the adaptor in whose space they are, "" when unknown."""

    names: Sequence[str]
    vectors: NDArray[np.float32]
    space: str = ""

    def __post_init__(self) -> None:
        vectors = np.asarray(self.vectors, np.float32)
        if vectors.ndim != 2 or len(vectors) != len(self.names) or vectors.size == 0:
            raise ValueError(f"classes: {len(self.names)} names, but embeddings {list(vectors.shape)}")
        length = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        if not np.all(np.isfinite(length)) or np.any(length == 0):
            raise ValueError("classes: an embedding is zero or not finite")
        object.__setattr__(self, "vectors", (vectors / length).astype(np.float32))

    @staticmethod
    def read(path: str | os.PathLike[str]) -> "ClassEmbeddings":
        """`.npz` as `radio-export text` writes it (arrays `embeddings`, `names`, `space`), or a `.npy` `[classes, C]`.

        Classes without a name are called by their number.
        """
        loaded: Any = np.load(Path(path), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return ClassEmbeddings([str(i) for i in range(len(loaded))], loaded)
        with loaded:
            vectors = loaded["embeddings"]
            names = [_text(name) for name in loaded["names"]] if "names" in loaded else None
            space = _text(loaded["space"].item()) if "space" in loaded else ""
        return ClassEmbeddings(names or [str(i) for i in range(len(vectors))], vectors, space)

    def nearest(self, summary: Array, top: int) -> list[tuple[str, float]]:
        """The `top` classes nearest to a summary `[C]` with their cosines, best first; equal ones in their order."""
        if summary.shape != self.vectors.shape[1:]:
            raise ValueError(f"the summary has {summary.size} channels, the classes have {self.vectors.shape[1]}")
        vector = summary.astype(np.float64)
        length = float(np.linalg.norm(vector))
        cosines = self.vectors.astype(np.float64) @ (vector / length if length > 0 else vector)
        order = np.argsort(-cosines, kind="stable")[:top]
        return [(self.names[i], float(cosines[i])) for i in order]


Classes = ClassEmbeddings | str | os.PathLike[str]


@dataclass
class Classification:
    """scores: (class, cosine), best first; empty when the image failed with `error`."""

    index: int
    path: str | None
    scores: list[tuple[str, float]] = field(default_factory=list)
    error: ImageError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


class Classifier:
    """From features to classes; `adaptor` None means the classes' own space, or clip."""

    def __init__(self, classes: Classes, adaptor: str | None, top: int):
        self.classes = classes if isinstance(classes, ClassEmbeddings) else ClassEmbeddings.read(classes)
        space = self.classes.space
        if adaptor is not None and space and adaptor != space:
            raise ValueError(f"adaptor {adaptor}: the classes are in the space of {space}")
        if top < 1:
            raise ValueError("top: must be at least 1")
        self.adaptor = adaptor or space or "clip"
        self.top = top

    def classify(self, image: ImageFeatures) -> Classification:
        if image.error is not None:
            return Classification(image.index, image.path, error=image.error)
        return Classification(image.index, image.path, self.classes.nearest(image.summary(self.adaptor), self.top))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
