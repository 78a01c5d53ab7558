#!/usr/bin/env python3
"""Writes the seeds of the image and queue fuzz targets: tiny synthetic pictures of every kind, and small hostile files.

    python make_corpus.py        (needs pillow and numpy; the committed files were made with Pillow 13.0.0)

Inputs that a fuzzer finds are added to the same folders by hand and stay there.
"""

import io
import pathlib
import random
import struct
import zlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent / "corpus"


def save(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(height, width, bits=8, colour=2, interlace=0):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))


def images():
    y, x = np.mgrid[:9, :13]
    base = Image.fromarray(np.stack([x * 19, y * 28, x * 9 + y * 9], -1).astype(np.uint8))
    gray = base.convert("L")
    alpha = base.copy()
    alpha.putalpha(gray)
    yield "420.jpg", save(base, "JPEG")
    yield "444.jpg", save(base, "JPEG", subsampling=0, quality=30)
    yield "progressive.jpg", save(base, "JPEG", progressive=True)
    yield "restart.jpg", save(base, "JPEG", restart_marker_rows=1)
    yield "gray.jpg", save(gray, "JPEG")
    yield "cmyk.jpg", save(base.convert("CMYK"), "JPEG")
    yield "turned.jpg", save(base, "JPEG", exif=exif(6))
    yield "rgb.png", save(base, "PNG")
    yield "gray.png", save(gray, "PNG")
    yield "one_bit.png", save(gray.convert("1"), "PNG")
    yield "palette.png", save(base.quantize(7), "PNG", bits=4, transparency=1)
    yield "alpha.png", save(alpha, "PNG")
    yield "turned.png", save(base, "PNG", exif=exif(8))
    rows = b"".join(b"\0" + bytes(range(6 * 3)) for _ in range(3))
    yield "deep.png", png_header(3, 3, bits=16) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    interlaced = b"".join(b"\0" + b"\x55\xaa\x11" * n for n in (1, 1, 1, 1))
    yield (
        "interlaced.png",
        png_header(2, 2, interlace=1) + chunk(b"IDAT", zlib.compress(interlaced)) + chunk(b"IEND", b""),
    )
    yield "lossy.webp", save(base, "WEBP", quality=50)
    yield "lossless.webp", save(base, "WEBP", lossless=True)
    yield "alpha.webp", save(alpha, "WEBP", quality=50)
    yield "turned.webp", save(base, "WEBP", lossless=True, exif=exif(5))
    frames = [base, Image.fromarray(255 - np.asarray(base))]
    yield "animated.webp", save(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=50)
    # Hostile: sizes that no file of this length holds, lengths beyond the file, a stream that goes on.
    yield "huge.png", png_header(50000, 50000) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    yield "long_text.png", png_header(8, 8) + struct.pack(">I", 1 << 30) + b"tEXt" + bytes(8)
    yield "endless_data.png", png_header(8, 8) + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")
    jpeg = save(base, "JPEG", progressive=True)
    last_scan = jpeg.rindex(b"\xff\xda")
    yield "many_scans.jpg", jpeg[:-2] + jpeg[last_scan:-2] * 20 + jpeg[-2:]
    webp = save(base, "WEBP", exif=exif(1))
    yield "huge.webp", webp[:24] + b"\xff" * 6 + webp[30:]


def exif_blocks():
    for order, name in ((">", "MM"), ("<", "II")):
        entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
        head = name.encode() + struct.pack(order + "HI", 42, 8)
        yield f"{name}.tiff", head + struct.pack(order + "H", 1) + entry + bytes(4)
        yield f"{name}_many_entries.tiff", head + struct.pack(order + "H", 0xFFFF) + entry
        yield f"{name}_far_directory.tiff", name.encode() + struct.pack(order + "HI", 42, 0xFFFFFFFF) + entry
    yield "prefixed", exif(3).tobytes()


def queue_operations():
    """Limits, then operations; see batch_queue_fuzz.cc."""
    rng = random.Random(1)
    for name, limits in (("mixed", (40, 7, 0)), ("one_size", (40, 7, 1)), ("one_image", (0, 0, 0))):
        steps = []
        for _ in range(60):
            steps += [rng.choice((5, 6, 7, 5, 6, 3)), rng.randrange(256), rng.choice((20, 255))]
        yield name, bytes([*limits, *steps])
    submit = [5, 0, 255]
    yield "cancelled_and_expired", bytes([40, 7, 0, *submit * 4, 1, 0, 2, 1, 5, 0, 3, 0, 200, *[3] * 4])
    yield "closed_early", bytes([40, 7, 0, *submit * 4, 4, 255, *submit, 3, 3])
    yield "taken_ahead", bytes([40, 3, 0, *submit, 3, *submit * 4, 3, 4, 0, *submit, 3, 3])


for folder, files in (("image", images()), ("exif", exif_blocks()), ("batch_queue", queue_operations())):
    (HERE / folder).mkdir(parents=True, exist_ok=True)
    for name, data in files:
        (HERE / folder / name).write_bytes(data)
