#!/usr/bin/env python3
"""Photographs `radio` at work against a real server.

docs/images/cli_progress.png: a real pseudo terminal in the middle and at the end of `radio embed`.
docs/images/heat.jpg: a photo beside its `radio heat`.

usage: .venv/bin/python tools/cli_picture.py
"""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / f"tests/{folder}") for folder in ("deploy", "integration")]
import live  # noqa: E402

RADIO = REPOSITORY / "bazel-bin/client/radio"
IMAGES = REPOSITORY / "docs/images"
COLUMNS, ROWS = 92, 24
COPIES = 20  # of each sample photo


def record(command, folder, server):
    """[(seconds, bytes so far)] of a `radio` command that has a terminal."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execve(RADIO, command, {**os.environ, "RADIO_SERVER": server.grpc})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    begun, written, moments = time.monotonic(), b"", []
    while True:
        if not select.select([terminal], [], [], 600)[0]:
            raise RuntimeError("the command says nothing")
        try:
            some = os.read(terminal, 4096)
        except OSError:  # The other side is closed.
            some = b""
        if not some:
            break
        written += some
        moments.append((time.monotonic() - begun, written))
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert code == 0, written.decode()
    return moments


def screen(data):
    """Lines of a terminal that has been sent `data`: text, returns, and "erase to the end of the line"."""
    lines = [""]
    for part in re.findall(r"\r\n|\r|\n|\x1b\[K|[^\r\n\x1b]+", data.decode()):
        if part in ("\r\n", "\n"):
            lines.append("")
            column = 0
        elif part == "\r":
            column = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        else:
            column = 0 if lines[-1] == "" else column
            lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part) :]
            column += len(part)
    return lines


def draw(lines, path):
    font_file = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSansMono.ttf"
    font = ImageFont.truetype(str(font_file), 15)
    width, height = round(font.getlength("M") * COLUMNS) + 32, 21 * len(lines) + 28
    picture = Image.new("RGB", (width, height), "#12171c")
    pen = ImageDraw.Draw(picture)
    for i, line in enumerate(lines):
        pen.text((16, 13 + 21 * i), line, font=font, fill="#e3e8ec")
    picture.save(path)


def draw_progress(server, folder):
    for photo in (REPOSITORY / "examples/images").glob("*.jpg"):
        for i in range(COPIES):
            shutil.copy(photo, folder / "photos" / f"{photo.stem}-{i:03d}.jpg")
    command = ["radio", "embed", "photos/", "--out", "features/"]
    moments = record(command, folder, server)
    middle = next(data for seconds, data in moments if seconds > moments[-1][0] * 0.6)
    shown = [line for line in screen(middle) if line]
    assert any("images/s, ETA" in line for line in shown), shown
    typed = "$ " + " ".join(command)
    end = [line for line in screen(moments[-1][1]) if line]
    draw([typed, *shown, "", typed, *end], IMAGES / "cli_progress.png")


def draw_heat(server, folder):
    photo = REPOSITORY / "examples/images/cat.jpg"
    left = Image.open(photo).convert("RGB")
    at = (left.width // 2, left.height // 2)
    out = folder / "heat.png"
    command = [RADIO, "--server", server.grpc, "heat", photo, "--at", f"{at[0]},{at[1]}", "--out", out]
    subprocess.run(command, check=True, capture_output=True)
    right = Image.open(out).convert("RGB")
    pen = ImageDraw.Draw(left)
    pen.ellipse([at[0] - 7, at[1] - 7, at[0] + 7, at[1] + 7], outline="white", width=3)
    sheet = Image.new("RGB", (left.width + right.width + 6, max(left.height, right.height)), "white")
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + 6, 0))
    sheet.thumbnail((900, 900))
    sheet.save(IMAGES / "heat.jpg", quality=88)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = live.start_server(folder, extra="intra_op_threads: 1")
        (folder / "photos").mkdir()
        draw_progress(server, folder)
        draw_heat(server, folder)
        assert server.stop() == 0
    print(f"wrote {IMAGES}/cli_progress.png and {IMAGES}/heat.jpg")


if __name__ == "__main__":
    main()
