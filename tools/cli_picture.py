#!/usr/bin/env python3
"""Photographs `radio` at work against a real server with a demo model of random weights.

usage: tools/cli_picture.py [--out DIR] [NAME...]
  pca           pca.jpg: the sample photos above the pictures that `radio pca` draws
  sizes         sizes.jpg: one photo, and its picture at three sizes side by side
  heat          heat.jpg: a photo beside its `radio heat`
  cli_progress  cli_progress.png: a real pseudo terminal in the middle and at the end of `radio embed`
"""

import argparse
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
PHOTOS = REPOSITORY / "examples/images"
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


def draw_terminal(lines):
    font_file = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSansMono.ttf"
    font = ImageFont.truetype(str(font_file), 15)
    width, height = round(font.getlength("M") * COLUMNS) + 32, 21 * len(lines) + 28
    picture = Image.new("RGB", (width, height), "#12171c")
    pen = ImageDraw.Draw(picture)
    for i, line in enumerate(lines):
        pen.text((16, 13 + 21 * i), line, font=font, fill="#e3e8ec")
    return picture


def sheet(columns, height, gap=6):
    """Pictures in columns, all of one height."""
    columns = [[one.resize((one.width * height // one.height, height)) for one in column] for column in columns]
    widths = [max(one.width for one in column) for column in columns]
    rows = max(len(column) for column in columns)
    whole = Image.new("RGB", (sum(widths) + gap * (len(widths) - 1), rows * (height + gap) - gap), "white")
    x = 0
    for column, width in zip(columns, widths, strict=True):
        for row, one in enumerate(column):
            whole.paste(one, (x, row * (height + gap)))
        x += width + gap
    return whole


def radio(server, *arguments):
    subprocess.run([RADIO, "--server", server.grpc, *arguments], check=True, capture_output=True)


def opened(path):
    return Image.open(path).convert("RGB")


def pca(server, folder):
    """What tools/quickstart.sh draws."""
    photos = sorted(PHOTOS.glob("*.jpg"))
    radio(server, "pca", *photos, "--out", folder, "--resize", "nearest")
    return sheet([[opened(photo), opened(folder / f"{photo.stem}.png")] for photo in photos], 220)


def sizes(server, folder):
    photo = PHOTOS / "coffee.jpg"
    out = folder / "sizes.png"
    radio(server, "pca", photo, "--out", out, "--resize", "shortest=128,shortest=256,shortest=640")
    return sheet([[opened(photo)], [opened(out)]], 200)


def heat(server, folder):
    photo = opened(PHOTOS / "coffee.jpg")
    at = (photo.width * 4 // 10, photo.height * 9 // 10)  # The saucer's rim.
    out = folder / "heat.png"
    radio(server, "heat", PHOTOS / "coffee.jpg", "--at", f"{at[0]},{at[1]}", "--out", out)
    pen = ImageDraw.Draw(photo)
    pen.ellipse([at[0] - 9, at[1] - 9, at[0] + 9, at[1] + 9], outline="white", width=4)
    return sheet([[photo], [opened(out)]], 200)


def cli_progress(server, folder):
    (folder / "photos").mkdir()
    for photo in PHOTOS.glob("*.jpg"):
        for i in range(COPIES):
            shutil.copy(photo, folder / "photos" / f"{photo.stem}-{i:03d}.jpg")
    command = ["radio", "embed", "photos/", "--out", "features/"]
    moments = record(command, folder, server)
    middle = next(data for seconds, data in moments if seconds > moments[-1][0] * 0.6)
    shown = [line for line in screen(middle) if line]
    assert any("images/s, ETA" in line for line in shown), shown
    typed = "$ " + " ".join(command)
    end = [line for line in screen(moments[-1][1]) if line]
    return draw_terminal([typed, *shown, "", typed, *end])


PICTURES = {"pca": (pca, "jpg"), "sizes": (sizes, "jpg"), "heat": (heat, "jpg"), "cli_progress": (cli_progress, "png")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to draw (default: all)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs/images", help="folder (default: docs/images)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(PICTURES):
        parser.error(f"no picture {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = live.start_server(folder, extra="intra_op_threads: 1")
        for picture in arguments.names or PICTURES:
            make, suffix = PICTURES[picture]
            target = arguments.out / f"{picture}.{suffix}"
            make(server, folder).save(target, quality=88)
            print(f"wrote {target}")
        assert server.stop() == 0


if __name__ == "__main__":
    main()
