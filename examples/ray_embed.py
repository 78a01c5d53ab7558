"""A Ray Data job that embeds a folder over several servers and writes Parquet files.

    python examples/ray_embed.py photos/ --out out/embeddings --server host-1:50051 --server host-2:50051

Each of `--workers` actors has one client for all servers; the others make good for a server that goes. A bad image is a
row with its error. Needs `radio_client` and `ray[data]`.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import ray
from radio_client import Client

SUFFIXES = [".jpg", ".jpeg", ".png", ".webp"]


class Embed:
    """Batches of {"bytes", "path"} to batches of {"path", "summary", "error"}. Ray makes one per actor."""

    def __init__(self, servers):
        self.client = Client(servers)
        self.width = self.client.model().adaptors[0].summary_dim

    def __call__(self, batch):
        results = list(self.client.encode(list(batch["bytes"]), on_error="yield", progress=False))
        missing = np.full(self.width, np.nan, np.float32)
        return {
            "path": batch["path"],
            "summary": np.stack([image.summary() if image.ok else missing for image in results]),
            "error": np.array(["" if image.ok else str(image.error) for image in results], dtype=object),
        }


def main():
    parser = argparse.ArgumentParser(description="Embeds a folder with Ray Data.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", required=True, help="folder for the Parquet files")
    parser.add_argument("--server", action="append", help="may be repeated")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    ray.data.read_binary_files(
        str(options.folder.resolve()), include_paths=True, file_extensions=[suffix[1:] for suffix in SUFFIXES]
    ).map_batches(
        Embed,
        fn_constructor_args=[options.server or [os.environ.get("RADIO_SERVER", "localhost:50051")]],
        batch_size=64,
        # They mostly wait for the servers; reading needs CPUs too.
        num_cpus=0.1,
        compute=ray.data.ActorPoolStrategy(size=options.workers),
    ).write_parquet(str(Path(options.out).resolve()))
    print(f"{ray.data.read_parquet(str(Path(options.out).resolve())).count()} rows in {options.out}")


if __name__ == "__main__":
    main()
