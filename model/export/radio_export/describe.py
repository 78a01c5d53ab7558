"""The version table for readers: `radio-export versions`, and docs/models.md."""

from radio_export.versions import NON_COMMERCIAL, VERSIONS, Version

_INTRODUCTION = """\
# Models

<!-- Written by `radio-export versions --markdown`; a test keeps this page equal to the table in the exporter. -->

Every version below can be exported. Dimensions of an artefact are read from the checkpoint; this table holds what the
exporter knows beside it. Sizes are in pixels; both sides of an image must be multiples of the step. *Parameters* are
those of the backbone. *Windows* says whether `--vitdet-window-size` is supported and how many blocks stay global.
*Adaptors* are the teachers of the official file as far as they are known; `radio-export export` reads the real list.
"""

_NOTES = """
## Behaviour worth knowing

- radio_v1, radio_v2 and radio_v2.1 change their mode above about 720 pixels: summaries are no longer aligned with text
  and features change. Later versions do not.
- The summary is the concatenation of several teachers' class tokens. Its width for radio_v2.1 depends on who loads the
  file: 5120 with the public repository's rules (ours), 2560 with the older Hugging Face wrapper.
- Results of 2024 differ from today's for the same file: positions were resized with aligned corners. Use
  `--era 2024` to reproduce them. Artefacts of the two eras have different embedding spaces.
- E-RADIO's result depends on its attention window. By default the window follows the image: the largest divisor of
  min(height, width) / 32 that is at most 16. Sides such as 544, 608 and 736 give windows of 1; prefer multiples of 256.
- eradio_v1, the first E-RADIO, is exported by description only: no file of it and no recorded output was at hand. Its
  architecture's name, parameter count and teachers are unverified, and so are the summary (mean of the trunk behind its
  batch norm) and the zero padding of windows. A later form of its code stretched the maps instead; the two agree where
  the window divides both sides / 32, as it does for square images. Its preferred size is the one whose window is the
  trained one.
- Inputs are RGB in [0, 1]; the model normalises them itself.
- bfloat16 is the precision of radio_v2.1. Other versions run in float32 unless exported with `--precision bfloat16`.

## Licences

Weights are not part of this project. Check the licence of a checkpoint before you use it:

"""


def facts(version: Version) -> list[str]:
    """One row, in the order of `HEADER`."""
    return [
        version.name,
        version.architecture + ("" if version.architecture_verified else " (unverified)"),
        f"{version.parameters / 1e6:.1f} M",
        f"{version.dims.patch_size} / {version.dims.step}",
        "{} x {}".format(*version.preferred),
        str(version.max_resolution),
        windows(version),
        version.dtype,
        ", ".join(teacher.name for teacher in version.teachers) or "unknown",
        licence_name(version),
    ]


HEADER = [
    "Version",
    "Architecture",
    "Parameters",
    "Patch / step",
    "Preferred",
    "Maximum",
    "Windows",
    "Precision",
    "Adaptors",
    "Licence",
]


def windows(version: Version) -> str:
    """The ViTDet rule in words."""
    if not version.vitdet:
        return "no"
    if version.vitdet_num_windowed:
        return f"{version.vitdet_num_windowed} windowed in a row"
    return f"{version.vitdet_num_global or 4} global"


def licence_name(version: Version) -> str:
    """`non-commercial` or `open`."""
    return "non-commercial" if version.license == NON_COMMERCIAL else "open"


def plain_table() -> str:
    """Aligned columns for a terminal, then the licences."""
    rows = [HEADER, *map(facts, VERSIONS.values())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *_licences()])


def markdown() -> str:
    """docs/models.md."""
    rows = [HEADER, ["---"] * len(HEADER), *map(facts, VERSIONS.values())]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    files = "\n".join(f"| {v.name} | {v.repository} | {v.file or 'the folder'} |" for v in VERSIONS.values())
    return (
        f"{_INTRODUCTION}\n{table}\n\n## Official files\n\n`radio-export download --version NAME --output FILE` fetches"
        f" them from the Hugging Face hub.\n\n| Version | Repository | File |\n| --- | --- | --- |\n{files}\n"
        + _NOTES
        + "".join(f"- {licence}\n" for licence in _licences())
    )


def _licences() -> list[str]:
    """`short name: full text`, each once."""
    return [f"{name}: {text}" for name, text in {licence_name(v): v.license for v in VERSIONS.values()}.items()]
