"""`radio-export download`: the official file of a version, checked against the checksum its repository records."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from radio_export.checkpoint import file_sha256
from radio_export.errors import ExportError
from radio_export.versions import Version


class Hub:
    """The two calls this program needs from `huggingface_hub`; tests bring their own."""

    def describe(self, repository: str, file: str) -> tuple[int, str | None]:
        """(size in bytes, SHA-256 or None) as the repository records them."""
        from huggingface_hub import HfApi

        found = HfApi().get_paths_info(repository, [file])
        if not found:
            raise ExportError(f"download: {repository} holds no file {file}")
        return found[0].size, found[0].lfs.sha256 if found[0].lfs else None

    def fetch(self, repository: str, file: str, folder: Path) -> Path:
        """The file's path below `folder`; a part left there by an earlier call is continued. Shows a progress bar."""
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(repository, file, local_dir=folder))


def download(version: Version, output: Path, progress: Callable[[str], None], hub: Hub | None = None) -> None:
    """Writes `output`. A broken transfer leaves a part beside it, from which the next call goes on.

    ExportError when the file cannot be had or is not the recorded one (then nothing is kept).
    """
    if not version.file:
        raise ExportError(f"download: {version.name} has no checkpoint file, only the folder {version.repository}")
    hub = hub or Hub()
    if output.exists():
        raise ExportError(f"--output: {output} exists already")
    part = output.absolute().parent / f".{output.name}.part"
    progress(f"{version.file} of {version.repository}; licence of the weights: {version.license}")
    try:
        size, sha256 = hub.describe(version.repository, version.file)
        part.mkdir(parents=True, exist_ok=True)
        path = hub.fetch(version.repository, version.file, part)
    except ExportError:
        raise
    except Exception as e:  # Whatever the hub's HTTP library raises; the user needs its first line.
        reason = (str(e) or type(e).__name__).strip().splitlines()[0]
        raise ExportError(f"download: {version.repository}/{version.file}: {reason}; call again to go on") from None
    problem = _problem(path, size, sha256)
    if not problem:
        os.replace(path, output)
    shutil.rmtree(part)
    if problem:
        raise ExportError(f"download: {version.repository}/{version.file}: {problem}")
    progress(f"{output}: {size} bytes, SHA-256 {sha256 or 'not recorded'}")


def _problem(path: Path, size: int, sha256: str | None) -> str:
    if path.stat().st_size != size:
        return f"{path.stat().st_size} bytes arrived, the repository records {size}"
    if sha256 and file_sha256(path) != sha256:
        return "its SHA-256 is not the recorded one"
    return ""
