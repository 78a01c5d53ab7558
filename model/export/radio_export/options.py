"""What a user chooses when exporting."""

from dataclasses import dataclass, field
from typing import List, Optional


@dataclass
class ExportOptions:
    """Choices of `radio-export export`; None: the file's or the version's own.

    `vitdet_window`: side in patches; `eradio_window`: `optimal` or a side in tokens; `precision`: float32 or bfloat16.
    """

    adaptors: List[str] = field(default_factory=list)
    vitdet_window: Optional[int] = None
    vitdet_num_windowed: Optional[int] = None
    vitdet_num_global: Optional[int] = None
    era: str = "head"
    precision: Optional[str] = None
    eradio_window: str = "optimal"
