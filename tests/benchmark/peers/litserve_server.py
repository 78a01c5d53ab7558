"""The model behind LitServe, on PORT. MODEL: the artefact's backbone.pt, BATCH: images at most, WAIT_MS: for them."""

import os

import litserve
import wire
from eager import EagerVit
from fastapi import Request, Response


class Features(litserve.LitAPI):
    def setup(self, device):
        self.model = EagerVit(os.environ["MODEL"])

    def decode_request(self, request: Request):
        return wire.read_image(request["image"].file.read())

    def batch(self, inputs):
        return inputs

    def predict(self, images):
        return self.model.extract(images)

    def unbatch(self, output):
        return output

    def encode_response(self, output) -> Response:
        return Response(output.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    api = Features(max_batch_size=int(os.environ["BATCH"]), batch_timeout=int(os.environ["WAIT_MS"]) / 1000)
    server = litserve.LitServer(api, accelerator="cpu", timeout=False)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), num_api_servers=1, generate_client_file=False)
