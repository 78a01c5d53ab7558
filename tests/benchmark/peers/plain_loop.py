"""No server at all: one image after the other through the model. plain_loop.py BACKBONE IMAGES.npz

Each line on standard input is answered by one on standard output, both JSON: {"image": I, "save": FILE} writes the
features of an image, {"seconds": S} runs through all images over and over and tells {"images": N, "seconds": S}.
"""

import json
import sys
import time

import numpy as np
from eager import EagerVit

model = EagerVit(sys.argv[1])
archive = np.load(sys.argv[2])
images = [archive[name] for name in archive.files]
print("{}", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    if "save" in order:
        np.save(order["save"], model.batch(images[order["image"]][None])[0])
        print("{}", flush=True)
        continue
    count, begun = 0, time.monotonic()
    while (now := time.monotonic()) < begun + order["seconds"]:
        model.batch(images[count % len(images)][None])
        count += 1
    print(json.dumps({"images": count, "seconds": now - begun}), flush=True)
