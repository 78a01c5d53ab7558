"""Text embeddings: canonical texts, averaging, and the two libraries' towers with tiny random weights."""

import json
import shutil

import numpy as np
import pytest
import torch
from radio_export import text
from radio_export.errors import ExportError
from radio_export.manifest import read_manifest, write_manifest


class LetterTower:
    """Embeds a text as its letter counts; remembers what it was asked."""

    def __init__(self, width=1024):
        self.width, self.asked = width, []

    def encode(self, texts):
        self.asked += texts
        counts = torch.zeros(len(texts), self.width)
        for row, t in zip(counts, texts, strict=True):
            for letter in t:
                row[ord(letter) % self.width] += 1
        return counts


@pytest.fixture
def artefact(demo, tmp_path_factory):
    return shutil.copytree(demo, tmp_path_factory.mktemp("text") / "model")


@pytest.fixture
def request_text(artefact, run, tmp_path):
    """request_text(*options) -> (code, error, arrays or None)."""
    (tmp_path / "classes.txt").write_text("tabby cat\n\nÖl\n  dog \n", encoding="utf-8")

    def call(*options, adaptor="clip"):
        output = tmp_path / "out.npz"
        files = ["--classes", tmp_path / "classes.txt", "--output", output]
        code, error = run("text", "--artefact", artefact, "--adaptor", adaptor, *files, *options)
        assert {p.name for p in tmp_path.iterdir()} - {"classes.txt", "out.npz", "t.txt", "tower"} == set()
        return code, error, dict(np.load(output)) if output.exists() else None

    return call


@pytest.mark.parametrize(
    "raw,form", [("A_Dog!", "a dog"), ("  it's  a\tCAT. ", "its a cat"), ("naïve—Ünd", "naïve—ünd"), ("?", "")]
)
def test_canonical_text(raw, form):
    assert text.canonical(raw) == form


def test_embedding_is_the_normalised_mean_of_normalised_templates():
    tower = LetterTower()
    got = text.class_embeddings(tower, ["ab", "c"], ["{}", "xx {}"])
    assert tower.asked == ["ab", "xx ab", "c", "xx c"]
    first = LetterTower().encode(["ab", "xx ab"])
    mean = (first / first.norm(dim=1, keepdim=True)).mean(0)
    assert torch.allclose(got[0], mean / mean.norm()) and torch.allclose(got.norm(dim=1), torch.ones(2))


def test_many_texts_go_in_batches_and_keep_their_order():
    classes = [f"class {i}" for i in range(150)]
    together = text.class_embeddings(LetterTower(), classes, ["{}"])
    alone = torch.cat([text.class_embeddings(LetterTower(), [c], ["{}"]) for c in classes])
    assert torch.equal(together, alone)


def test_file_holds_names_and_embeddings(request_text, monkeypatch, tmp_path):
    tower = LetterTower()
    monkeypatch.setattr(text, "load_tower", lambda adaptor, weights: tower)
    code, error, arrays = request_text()
    assert (code, error) == (0, "")
    assert [n.decode() for n in arrays["names"]] == ["tabby cat", "Öl", "dog"]
    assert arrays["embeddings"].shape == (3, 1024) and arrays["embeddings"].dtype == np.float32
    assert arrays["space"].item() == b"clip"
    assert tower.asked == ["an image of a tabby cat.", "an image of a Öl.", "an image of a dog."]
    (tmp_path / "t.txt").write_text("a {} here\n{}\n")
    assert request_text("--templates", tmp_path / "t.txt")[0] == 0
    assert tower.asked[3:5] == ["a tabby cat here", "tabby cat"]


def test_tower_of_another_width_is_refused(request_text, monkeypatch):
    monkeypatch.setattr(text, "load_tower", lambda adaptor, weights: LetterTower(512))
    code, error, arrays = request_text()
    assert code == 1 and "512 values" in error and arrays is None


@pytest.mark.parametrize(
    "adaptor,words", [("sam", "it has: clip, siglip, dino_v2"), ("dino_v2", "'dino_v2' have no text tower")]
)
def test_teacher_without_text_is_refused(adaptor, words, request_text):
    code, error, arrays = request_text(adaptor=adaptor)
    assert code == 1 and words in error and arrays is None


def test_template_without_a_place_for_the_class_is_refused(request_text, tmp_path):
    (tmp_path / "t.txt").write_text("a dog\n")
    code, error, _ = request_text("--templates", tmp_path / "t.txt")
    assert code == 1 and "needs one {}" in error


def test_open_clip_tower(request_text, artefact, tmp_path):
    """A tiny model of the library with random weights, loaded from a local file."""
    import open_clip

    config = {
        "embed_dim": 1024,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16, "head_width": 32},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    (tmp_path / "tower").mkdir()
    (tmp_path / "tower" / "tiny-random.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tower" / "tiny-random.json")
    torch.manual_seed(3)
    model = open_clip.create_model("tiny-random").eval()
    torch.save(model.state_dict(), tmp_path / "tower" / "weights.pt")
    manifest = read_manifest(artefact)
    manifest.adaptors[0].teacher_model = "tiny-random"
    write_manifest(manifest, artefact)
    code, error, arrays = request_text("--weights", tmp_path / "tower" / "weights.pt", "--templates", "simple")
    assert code == 0, error
    texts = [t("dog") for t in open_clip.SIMPLE_IMAGENET_TEMPLATES]
    with torch.no_grad():
        want = model.encode_text(open_clip.get_tokenizer("tiny-random")(texts), normalize=True).mean(0)
    assert np.abs(arrays["embeddings"][2] - (want / want.norm()).numpy()).max() < 1e-6


class CharacterTokenizer:
    """Pads to the asked length with 0, as the real tokenizer does."""

    def __call__(self, texts, padding, truncation, max_length, return_tensors):
        assert (padding, truncation, return_tensors) == ("max_length", True, "pt")
        rows = [([ord(c) % 90 + 1 for c in t] + [0] * max_length)[:max_length] for t in texts]
        return {"input_ids": torch.tensor(rows)}


@pytest.mark.parametrize("kind", ["siglip", "siglip2"])
def test_siglip2_tower(kind, tmp_path, monkeypatch):
    """A tiny model of the library with random weights, saved to a folder; its tokenizer is a stand-in."""
    import transformers

    config, model = {
        "siglip": (transformers.SiglipTextConfig, transformers.SiglipTextModel),
        "siglip2": (transformers.Siglip2TextConfig, transformers.Siglip2TextModel),
    }[kind]
    torch.manual_seed(4)
    sizes = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, vocab_size=100)
    tower = model(config(**sizes, max_position_embeddings=64, projection_size=48)).eval()
    tower.save_pretrained(tmp_path / "tower")
    document = json.loads((tmp_path / "tower" / "config.json").read_text())
    (tmp_path / "tower" / "config.json").write_text(json.dumps({"model_type": kind, "text_config": document}))
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda source: CharacterTokenizer())
    got = text.Siglip2Tower(str(tmp_path / "tower")).encode(["A_Dog!", "a dog"])
    assert torch.equal(got[0], got[1])
    tokens = CharacterTokenizer()(["a dog"], "max_length", True, 64, "pt")["input_ids"]
    with torch.no_grad():
        want = tower(input_ids=tokens).pooler_output[0]
    assert torch.allclose(got[0], want, atol=1e-6) and got.shape == (2, 48)


def test_unknown_siglip2_model_asks_for_weights(artefact):
    adaptor = read_manifest(artefact).adaptors[0]
    adaptor.teacher_type, adaptor.teacher_model = "siglip2", "siglip2-nano"
    with pytest.raises(ExportError, match="'siglip2-nano' are not known; give --weights"):
        text.load_tower(adaptor, None)
