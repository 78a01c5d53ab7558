"""Zero-shot classification against text embeddings that `radio-export text` wrote.

python examples/zero_shot.py examples/images --classes classes.npz
"""

import argparse
import os

from radio_client import Client


def main():
    parser = argparse.ArgumentParser(description="Names what is in images.")
    parser.add_argument("images", nargs="+", help="files, folders or patterns")
    parser.add_argument("--classes", required=True, help=".npz of `radio-export text`")
    parser.add_argument("--server", default=os.environ.get("RADIO_SERVER", "localhost:50051"))
    parser.add_argument("--top", type=int, default=3)
    options = parser.parse_args()
    with Client(options.server) as client:
        for result in client.zero_shot(options.images, options.classes, top=options.top, on_error="yield"):
            if result.ok:
                print(f"{result.path}: " + ", ".join(f"{name} {cosine:.4f}" for name, cosine in result.scores))
            else:
                print(result.error)


if __name__ == "__main__":
    main()
