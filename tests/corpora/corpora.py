"""Image files of Debian packages (tools/corpora.sh), and what the decoder has to say to each (verdicts.tsv).

python tests/corpora/corpora.py     writes verdicts.tsv anew; read the difference before you commit it
"""

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "out/corpora"
TABLE = Path(__file__).with_name("verdicts.tsv")
PROGRAM = REPOSITORY / "bazel-bin/tests/corpora/verdicts"
KINDS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def files():
    """Names of all image files, from FOLDER on."""
    names = (path for path in FOLDER.glob("*/**/*") if path.suffix.lower() in KINDS and path.is_file())
    return sorted(str(path.relative_to(FOLDER)) for path in names if not path.is_symlink())


def decide(paths):
    """[(verdict, CPU ms, rise of the peak memory in MiB)]; a decoder that crashes leaves the rest out."""
    done = subprocess.run([PROGRAM], input="\n".join(map(str, paths)), capture_output=True, text=True, timeout=600)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [(verdict, int(ms), int(kib) / 1024) for _, verdict, ms, kib in lines]


def table():
    """{name: verdict} as checked in."""
    return dict(line.split("\t") for line in TABLE.read_text().splitlines() if not line.startswith("#"))


def main():
    names = files()
    verdicts = decide([FOLDER / name for name in names])
    assert len(verdicts) == len(names), f"crashed on {names[len(verdicts)]}"
    lines = [f"{name}\t{verdict}" for name, (verdict, _, _) in zip(names, verdicts, strict=True)]
    TABLE.write_text(
        "# File in out/corpora, and its HEIGHTxWIDTH or the reason why it is refused.\n" + "\n".join(lines) + "\n"
    )
    print(f"{len(lines)} files, {sum(v[0][0].isdigit() for v in verdicts)} decoded")


if __name__ == "__main__":
    main()
