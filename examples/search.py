"""Image search: a folder becomes an index, an image finds its nearest neighbours in it.

    python examples/search.py index examples/images --index out/index
    python examples/search.py query examples/images/cat.jpg --index out/index

Needs `radio_client` and faiss-cpu. The index holds vectors of length 1, so the inner product is the cosine.
"""

import argparse
import json
import os
from pathlib import Path

import faiss
import numpy as np
from radio_client import Client


def main():
    parser = argparse.ArgumentParser(description="Finds images that look alike.")
    parser.add_argument("command", choices=["index", "query"])
    parser.add_argument("images", help="folder to index, or image to look for")
    parser.add_argument("--index", type=Path, required=True, help="folder of the index")
    parser.add_argument("--server", default=os.environ.get("RADIO_SERVER", "localhost:50051"))
    parser.add_argument("--top", type=int, default=5)
    options = parser.parse_args()
    with Client(options.server) as client:
        (build if options.command == "index" else query)(client, options)


def build(client, options):
    paths, vectors = [], []
    for image in client.encode(options.images, l2_normalize=True, on_error="yield"):
        if image.ok:
            paths.append(image.path)
            vectors.append(image.summary())
        else:
            print(f"left out: {image.error}")
    index = faiss.IndexFlatIP(len(vectors[0]))
    index.add(np.stack(vectors))
    options.index.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(options.index / "vectors.faiss"))
    # Vectors may be compared only within one embedding space.
    facts = {"embedding_space": client.model().embedding_space, "paths": paths}
    (options.index / "images.json").write_text(json.dumps(facts))
    print(f"{len(paths)} images in {options.index}")


def query(client, options):
    facts = json.loads((options.index / "images.json").read_text())
    space = client.model().embedding_space
    if space != facts["embedding_space"]:
        raise SystemExit(f"the index is in the space {facts['embedding_space']}, the server answers in {space}")
    index = faiss.read_index(str(options.index / "vectors.faiss"))
    [image] = client.encode(options.images, l2_normalize=True)
    cosines, rows = index.search(image.summary()[None], min(options.top, index.ntotal))
    for cosine, row in zip(cosines[0], rows[0], strict=True):
        print(f"{cosine:.4f} {facts['paths'][row]}")


if __name__ == "__main__":
    main()
