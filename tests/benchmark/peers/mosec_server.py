"""The model behind mosec. MODEL: the artefact's backbone.pt, BATCH: images at most, WAIT_MS: for them to come."""

import os

import wire
from eager import EagerVit
from mosec import Server, Worker


class Features(Worker):
    def __init__(self):
        self.model = EagerVit(os.environ["MODEL"])

    def deserialize(self, data):
        return wire.read_image(data)

    def forward(self, data):
        return self.model.extract(data)

    def serialize(self, data):
        return data.tobytes()


if __name__ == "__main__":
    server = Server()
    server.append_worker(
        Features, num=1, max_batch_size=int(os.environ["BATCH"]), max_wait_time=int(os.environ["WAIT_MS"])
    )
    server.run()
