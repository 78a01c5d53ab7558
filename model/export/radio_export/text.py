"""`radio-export text`: text embeddings in an adaptor's space, for zero-shot classification.

Two kinds of teacher have a text tower: `open_clip` (weights of that library) and `siglip2` (Hugging Face). The score of
an image and a text is the cosine of the adaptor's summary and the embedding written here.
"""

import os
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from radio_export.errors import ExportError
from radio_export.manifest import read_manifest

BASE_TEMPLATE = "an image of a {}."
_BATCH = 64
_SIGLIP2_LENGTH = 64  # Tokens; the towers were trained with texts padded to this length.
_SIGLIP2 = {
    "siglip2-g-384": "google/siglip2-giant-opt-patch16-384",
    "siglip2-so400m": "google/siglip2-so400m-patch16-naflex",
}
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class TextTower(Protocol):
    """Texts to embeddings: `[N, C]`, float32, not normalised."""

    def encode(self, texts: list[str]) -> torch.Tensor: ...


def canonical(text: str) -> str:
    """SigLIP 2's form of a text: underscores to spaces, no ASCII punctuation, lower case, single spaces."""
    return re.sub(r"\s+", " ", text.replace("_", " ").translate(_PUNCTUATION).lower()).strip()


class OpenClipTower:
    """The text half of an open_clip model. `weights`: a local file instead of the published ones."""

    def __init__(self, model: str, pretrained: str, weights: Path | None):
        import open_clip

        self.model = open_clip.create_model(model, pretrained=str(weights) if weights else pretrained).eval()
        self.tokenizer = open_clip.get_tokenizer(model)

    def encode(self, texts: list[str]) -> torch.Tensor:
        return self.model.encode_text(self.tokenizer(texts)).float()


class Siglip2Tower:
    """The text half of a SigLIP 2 model. `source`: repository or local folder."""

    def __init__(self, source: str):
        import transformers

        siglip2 = transformers.AutoConfig.from_pretrained(source).model_type == "siglip2"
        kind = transformers.Siglip2TextModel if siglip2 else transformers.SiglipTextModel
        self.model = kind.from_pretrained(source).eval()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(source)

    def encode(self, texts: list[str]) -> torch.Tensor:
        tokens = self.tokenizer(
            [canonical(text) for text in texts],
            padding="max_length",
            truncation=True,
            max_length=_SIGLIP2_LENGTH,
            return_tensors="pt",
        )
        return self.model(input_ids=tokens["input_ids"]).pooler_output.float()


def load_tower(adaptor, weights: Path | None) -> TextTower:
    """The tower of a manifest's adaptor. ExportError when the teacher has none, or it cannot be loaded."""
    try:
        if adaptor.teacher_type == "open_clip":
            return OpenClipTower(adaptor.teacher_model, adaptor.teacher_pretrained, weights)
        if adaptor.teacher_type == "siglip2":
            source = str(weights) if weights else _SIGLIP2.get(adaptor.teacher_model)
            if not source:
                raise ExportError(f"--adaptor: text weights of {adaptor.teacher_model!r} are not known; give --weights")
            return Siglip2Tower(source)
    except ImportError as e:
        raise ExportError(f"text: {e}; install the exporter's extra 'text'") from None
    except (OSError, ValueError, RuntimeError) as e:
        reason = (str(e) or type(e).__name__).strip().splitlines()[0]
        raise ExportError(f"text: the tower of {adaptor.teacher_model} cannot be loaded: {reason}") from None
    raise ExportError(f"--adaptor: teachers of type {adaptor.teacher_type!r} have no text tower: {adaptor.name}")


def read_lines(path: Path, what: str) -> list[str]:
    """The non-empty lines of a text file."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        raise ExportError(f"{what}: {path} is not UTF-8 text") from None
    if not any(lines):
        raise ExportError(f"{what}: {path} is empty")
    return [line for line in lines if line]


def read_templates(choice: str) -> list[str]:
    """`base`, `simple` or `openai` (open_clip's lists), or a file of lines with `{}` where the class goes."""
    if choice == "base":
        return [BASE_TEMPLATE]
    if choice in ("simple", "openai"):
        try:
            import open_clip
        except ImportError as e:
            raise ExportError(f"--templates: {e}; install the exporter's extra 'text'") from None
        found = open_clip.OPENAI_IMAGENET_TEMPLATES if choice == "openai" else open_clip.SIMPLE_IMAGENET_TEMPLATES
        return [template("{}") for template in found]
    templates = read_lines(Path(choice), "--templates")
    wrong = [t for t in templates if t.count("{}") != 1]
    if wrong:
        raise ExportError(f"--templates: a line needs one {{}} where the class goes: {wrong[0]!r}")
    return templates


def class_embeddings(
    tower: TextTower, classes: list[str], templates: list[str], progress: Callable[[str], None] = lambda _: None
) -> torch.Tensor:
    """float32 `[classes, C]` of length 1: the normalised mean of the normalised embeddings of all templates."""
    texts = [template.replace("{}", name) for name in classes for template in templates]
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), _BATCH):
            parts.append(torch.nn.functional.normalize(tower.encode(texts[start : start + _BATCH]), dim=1))
            progress(f"{min(start + _BATCH, len(texts))} of {len(texts)} texts")
    mean = torch.cat(parts).view(len(classes), len(templates), -1).mean(1)
    return torch.nn.functional.normalize(mean, dim=1)


def write_text_embeddings(
    artefact: Path,
    adaptor_name: str,
    classes: Path,
    templates: str,
    output: Path,
    weights: Path | None,
    progress: Callable[[str], None],
) -> None:
    """Writes an uncompressed `.npz`: `embeddings` float32 `[N, C]`, `names` and `space` as UTF-8 byte strings."""
    manifest = read_manifest(artefact)
    adaptors = {a.name: a for a in manifest.adaptors if a.summary_dim}
    if adaptor_name not in adaptors:
        known = ", ".join(adaptors) or "none"
        raise ExportError(f"--adaptor: {artefact} has no adaptor {adaptor_name!r} with a summary; it has: {known}")
    adaptor, names, phrases = adaptors[adaptor_name], read_lines(classes, "--classes"), read_templates(templates)
    progress(f"loading the text tower of {adaptor.teacher_model}")
    embeddings = class_embeddings(load_tower(adaptor, weights), names, phrases, progress)
    if embeddings.shape[1] != adaptor.summary_dim:
        width = embeddings.shape[1]
        raise ExportError(f"text: the tower gives {width} values, {adaptor_name} summaries have {adaptor.summary_dim}")
    part = output.with_name(f".{output.name}.part")
    with open(part, "wb") as f:
        encoded = np.array([name.encode() for name in names])
        np.savez(f, embeddings=embeddings.numpy(), names=encoded, space=np.array(adaptor_name.encode()))
    os.replace(part, output)
    progress(f"{output}: {len(names)} classes, {embeddings.shape[1]} values each, {len(phrases)} templates")
