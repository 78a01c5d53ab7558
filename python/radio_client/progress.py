"""The bar that `encode` shows."""

import sys
from typing import Any, Protocol


class Bar(Protocol):
    def update(self, n: int = 1) -> Any: ...
    def close(self) -> Any: ...


class NoBar:
    def update(self, n: int = 1) -> None:
        pass

    def close(self) -> None:
        pass


def make_bar(progress: bool | None, total: int | None) -> Bar:
    """progress: None shows a bar on a terminal where tqdm is installed; True needs tqdm (ImportError without)."""
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return NoBar()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if progress:
            raise
        return NoBar()
    return tqdm(total=total, unit="image", dynamic_ncols=True)
