#!/usr/bin/env python3
"""Writes the fixtures beside this file: synthetic pictures as Pillow encodes them, and the pixels Pillow sees in them.

    python make_fixtures.py        (needs pillow and numpy; the committed files were made with Pillow 13.0.0)

decode/NAME.EXT with decode/NAME.ppm: a file and its pixels, `ImageOps.exif_transpose(image).convert("RGB")`.
resize/source.ppm with resize/HEIGHTxWIDTH.ppm: `image.resize((width, height), Image.BICUBIC)`.
resize/bilinear_HEIGHTxWIDTH.ppm: the same with the wrong filter, to prove that the comparison tells them apart.
PNG kinds that Pillow cannot write (16 bits, Adam7, odd bit depths) are written here; for 16 bits the wanted pixels are
value / 257 rounded, which Pillow's high byte never misses by more than one.
"""

import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 37, 53


def picture(height, width):
    """Smooth colours with some texture and hard edges, no two corners alike."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [np.sin(x / (5 + c) + c) * np.cos(y / (7 - c)) for c in range(3)]
    ramp = [x / width, y / height, 1 - x / width]
    image = np.stack([110 + 60 * w + 70 * r for w, r in zip(waves, ramp, strict=True)], -1)
    image[: height // 4, : width // 3] = [250, 20, 30]
    return Image.fromarray(image.round().clip(0, 255).astype(np.uint8))


def rings(height, width):
    """Rings that get finer outwards: a wrong filter turns them into false patterns."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    centres = ((0.5, 0.5), (0.3, 0.6), (0.7, 0.2))
    longest = max(height, width)
    planes = [np.cos(np.pi * ((y - cy * height) ** 2 + (x - cx * width) ** 2) / longest) for cy, cx in centres]
    return Image.fromarray((127.5 + 127 * np.stack(planes, -1)).round().astype(np.uint8))


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


def png_rows(samples, bits):
    """Filter type 0 and packed samples, per row; `samples` is [height, width, channels]."""
    rows = b""
    for row in samples.reshape(samples.shape[0], -1):
        if bits == 16:
            packed = row.astype(">u2").tobytes()
        else:
            flags = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
            packed = np.packbits(flags.reshape(-1)).tobytes()
        rows += b"\0" + packed
    return rows


def png(samples, bits, colour, chunks=b"", adam7=False):
    passes = [samples]
    if adam7:
        starts = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        passes = [samples[y::dy, x::dx] for y, x, dy, dx in starts]
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], bits, colour, 0, 0, int(adam7))
    data = zlib.compress(b"".join(png_rows(p, bits) for p in passes), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def write(name, data, want=None):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    pillow = np.asarray(image.convert("RGB")) if image.mode != "I;16" else np.asarray(image)[..., None] >> 8
    if want is None:
        want = pillow
    assert np.abs(want.astype(int) - pillow).max() <= 1, name
    (HERE / "decode" / name).write_bytes(data)
    (HERE / "decode" / name).with_suffix(".ppm").write_bytes(save(Image.fromarray(want.astype(np.uint8)), "PPM"))


def write_decode():
    base = picture(HEIGHT, WIDTH)
    gray = base.convert("L")
    pixels = np.asarray(base)
    alpha = base.copy()
    alpha.putalpha(Image.fromarray(np.linspace(0, 255, HEIGHT * WIDTH).astype(np.uint8).reshape(HEIGHT, WIDTH)))
    opaque = base.copy()
    opaque.putalpha(255)
    for name, options in {
        "420": {}, "422": {"subsampling": 1}, "444": {"subsampling": 0}, "progressive": {"progressive": True},
        "restart_markers": {"restart_marker_rows": 1}, "low_quality": {"quality": 15},
    }.items():  # fmt: skip
        write(f"jpeg_{name}.jpg", save(base, "JPEG", **options))
    write("jpeg_gray.jpg", save(gray, "JPEG"))
    write("jpeg_cmyk.jpg", save(base.convert("CMYK"), "JPEG", quality=95))
    write("jpeg_rgb.jpg", save(base, "JPEG", keep_rgb=True))
    for orientation in range(1, 9):
        write(f"jpeg_orientation_{orientation}.jpg", save(base, "JPEG", exif=exif(orientation)))

    write("png_rgb.png", save(base, "PNG"))
    write("png_gray.png", save(gray, "PNG"))
    write("png_1_bit.png", save(gray.convert("1"), "PNG"))
    write("png_palette.png", save(base.quantize(64), "PNG"))
    write("png_palette_4_bit.png", save(base.quantize(16), "PNG", bits=4))
    write("png_palette_2_bit.png", save(base.quantize(4), "PNG", bits=2))
    write("png_palette_transparent.png", save(base.quantize(64), "PNG", transparency=3))
    write("png_rgb_transparent.png", save(base, "PNG", transparency=(250, 20, 30)))
    write("png_alpha.png", save(alpha, "PNG"))
    write("png_opaque_alpha.png", save(opaque, "PNG"))
    write("png_gray_alpha.png", save(alpha.convert("LA"), "PNG"))
    write("png_orientation_6.png", save(base, "PNG", exif=exif(6)))
    for bits in (2, 4):
        levels = np.asarray(gray)[..., None] >> (8 - bits)
        write(f"png_gray_{bits}_bit.png", png(levels, bits, 0), np.repeat(levels * (255 // (2**bits - 1)), 3, -1))
    deep = (pixels.astype(int) * 257 + np.arange(-120, 121, 60)[np.arange(WIDTH) % 5][:, None]).clip(0, 65535)
    rounded = (deep + 128) // 257
    write("png_rgb_16_bit.png", png(deep, 16, 2), rounded)
    write("png_alpha_16_bit.png", png(np.concatenate([deep, deep[..., :1]], -1), 16, 6), rounded)
    write("png_gray_16_bit.png", png(deep[..., :1], 16, 0), np.repeat(rounded[..., :1], 3, -1))
    write("png_interlaced.png", png(pixels, 8, 2, adam7=True))
    write("png_interlaced_1_bit.png", png(np.asarray(gray)[..., None] >> 7, 1, 0, adam7=True))

    write("webp_lossy.webp", save(base, "WEBP", quality=80))
    write("webp_lossless.webp", save(base, "WEBP", lossless=True))
    write("webp_lossy_alpha.webp", save(alpha, "WEBP", quality=80))
    write("webp_lossless_alpha.webp", save(alpha, "WEBP", lossless=True, exact=True))
    write("webp_orientation_8.webp", save(base, "WEBP", lossless=True, exif=exif(8)))
    other = Image.fromarray(255 - pixels)
    write("webp_animated.webp", save(base, "WEBP", lossless=True, save_all=True, append_images=[other], duration=100))


def write_resize():
    source = rings(61, 97)
    (HERE / "resize" / "source.ppm").write_bytes(save(source, "PPM"))
    for height, width in ((28, 40), (90, 132), (61, 40), (28, 97), (1, 1), (7, 200), (60, 98), (122, 194), (16, 16)):
        wanted = source.resize((width, height), Image.BICUBIC)
        (HERE / "resize" / f"{height}x{width}.ppm").write_bytes(save(wanted, "PPM"))
    wrong = source.resize((40, 28), Image.BILINEAR)
    (HERE / "resize" / "bilinear_28x40.ppm").write_bytes(save(wrong, "PPM"))


for folder in ("decode", "resize"):
    (HERE / folder).mkdir(exist_ok=True)
write_decode()
write_resize()
