"""Real files against the decoder. Bombs: tests/model/preprocess/image_bomb_test.cc."""

import corpora
import pytest

pytestmark = pytest.mark.skipif(
    not corpora.PROGRAM.exists(), reason="needs bazel build -c opt //tests/corpora:verdicts"
)


def test_every_file_gets_the_verdict_of_the_table():
    if not corpora.FOLDER.exists():
        pytest.skip("needs tools/corpora.sh: over 600 image files of Debian packages")
    table = corpora.table()
    # A later version of a package may have lost a few.
    names = [name for name in table if (corpora.FOLDER / name).exists()]
    assert len(names) >= 600
    verdicts = corpora.decide([corpora.FOLDER / name for name in names])
    assert len(verdicts) == len(names), f"the decoder crashed on {names[len(verdicts)]}"
    pairs = zip(names, verdicts, strict=True)
    assert not {name: (verdict, table[name]) for name, (verdict, _, _) in pairs if verdict != table[name]}


def test_the_table_knows_no_other_refusals_than_those_of_images():
    verdicts = corpora.table().values()
    refusals = [verdict for verdict in verdicts if not verdict[0].isdigit()]
    assert {"IMAGE_UNDECODABLE"} <= set(refusals) <= {"IMAGE_UNDECODABLE", "IMAGE_TOO_LARGE"}
    assert len(refusals) < len(verdicts) / 2
