"""What a user chooses when exporting."""

from dataclasses import dataclass, field


@dataclass
class ExportOptions:
    """Choices of `radio-export export`; None: the file's or the version's own.

    `vitdet_window`: side in patches; `eradio_window`: `optimal` or a side in tokens; `precision`: float32 or bfloat16.
    """

    adaptors: list[str] = field(default_factory=list)
    vitdet_window: int | None = None
    vitdet_num_windowed: int | None = None
    vitdet_num_global: int | None = None
    era: str = "head"
    precision: str | None = None
    eradio_window: str = "optimal"
