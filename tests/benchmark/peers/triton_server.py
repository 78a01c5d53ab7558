"""The model behind Triton. MODEL: the artefact's backbone.pt, BATCH: images at most, WAIT_MS: for them.

gRPC is on PORT, HTTP on HTTP_PORT. Triton's own batcher makes the batches; they are of one size.
"""

import os

import numpy as np
from eager import EagerVit
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def main():
    model = EagerVit(os.environ["MODEL"])

    @batch
    def infer(image):
        return {"features": model.batch(image)}

    config = TritonConfig(
        grpc_port=int(os.environ["PORT"]),
        http_port=int(os.environ["HTTP_PORT"]),
        grpc_address="127.0.0.1",
        http_address="127.0.0.1",
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="features",
            infer_func=infer,
            inputs=[Tensor(name="image", dtype=np.uint8, shape=(-1, -1, 3))],
            outputs=[Tensor(name="features", dtype=np.float32, shape=(-1, -1))],
            config=ModelConfig(
                max_batch_size=int(os.environ["BATCH"]),
                batcher=DynamicBatcher(max_queue_delay_microseconds=1000 * int(os.environ["WAIT_MS"])),
            ),
        )
        triton.serve()


if __name__ == "__main__":
    main()
