"""An image's features as a picture: their first three principal components.

    python examples/pca.py examples/images/cat.jpg --out out/cat-pca.png

Needs `radio_client` and Pillow.
"""

import argparse
import os

from PIL import Image
from radio_client import Client


def main():
    parser = argparse.ArgumentParser(description="Draws an image's features.")
    parser.add_argument("image")
    parser.add_argument("--out", required=True, help=".png")
    parser.add_argument("--server", default=os.environ.get("RADIO_SERVER", "localhost:50051"))
    options = parser.parse_args()
    with Client(options.server) as client:
        Image.fromarray(client.pca_image(options.image)).save(options.out)
    print(options.out)


if __name__ == "__main__":
    main()
