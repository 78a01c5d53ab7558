"""Makes docs/images/pca.jpg of what tools/quickstart.sh left in out/: each photo above the picture of its features.

usage: .venv/bin/python tools/readme_picture.py
"""

from pathlib import Path

from PIL import Image

HEIGHT = 220
GAP = 6


def main():
    photos = sorted(Path("examples/images").glob("*.jpg"))
    columns = []
    for photo in photos:
        pair = [Image.open(photo).convert("RGB"), Image.open(Path("out") / f"{photo.stem}.png").convert("RGB")]
        columns.append([image.resize((image.width * HEIGHT // image.height, HEIGHT)) for image in pair])
    width = sum(max(image.width for image in column) + GAP for column in columns) - GAP
    sheet = Image.new("RGB", (width, 2 * HEIGHT + GAP), "white")
    x = 0
    for column in columns:
        for row, image in enumerate(column):
            sheet.paste(image, (x, row * (HEIGHT + GAP)))
        x += max(image.width for image in column) + GAP
    sheet.save("docs/images/pca.jpg", quality=88)


if __name__ == "__main__":
    main()
