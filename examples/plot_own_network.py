"""
How do I use my own network?
============================

Any module of torch is an encoder: ``TorchEncoder`` freezes it and takes what some of its
layers say. Here a small network learns from the digits which way up they are, in a plain
loop of torch. Whether that taught it anything for telling digits apart, the table says.
"""

# %%
# A network and a loop
# --------------------
# Images are turned by 0, 90, 180 or 270 degrees, and the network is to say by how much.
# It sees the training images and no label.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from featx import FeatureCache, RawPixels, TorchEncoder, bench, load_dataset
from featx.reports import ComparisonDisplay, LossDisplay

torch.manual_seed(0)


def make_network():
    """Build three convolutions, and four outputs for four directions."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 16, 4),
    )


digits = load_dataset("digits")
images = torch.from_numpy(digits.train.X).permute(0, 3, 1, 2) / 255
turned = torch.cat([torch.rot90(images, turn, (2, 3)) for turn in range(4)])
turns = torch.arange(4).repeat_interleave(len(images))

untrained = make_network()
network = make_network()
network.load_state_dict(untrained.state_dict())
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
losses = []
for _ in range(12):
    total = 0.0
    for rows in torch.randperm(len(turned)).split(128):
        loss = nn.functional.cross_entropy(network(turned[rows]), turns[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    losses.append(total / len(turned))
display = LossDisplay(losses, title="Which way up is the digit?").plot()

# %%
# Its layers as features
# ----------------------
# ``layers`` names layers as ``named_modules`` does, and ``pool`` averages their maps
# over a grid. The same network with its first weights is the control that matters.

how = {"layers": ["1", "3", "5"], "pool": 2}
encoders = {
    "raw": RawPixels(),
    "first weights": TorchEncoder(untrained, **how),
    "turned digits": TorchEncoder(network, **how),
}
temporary = tempfile.TemporaryDirectory()
cache = FeatureCache(temporary.name)
results = bench(digits, encoders, ["linear-svm", "knn"], cache=cache)
print(results)
display = ComparisonDisplay.from_results(results)

# %%
# Is it worth the training?

for classifier in ("linear-svm", "knn"):
    right = [
        results.predictions[f"{name} + {classifier}"] == results.y_true
        for name in ("turned digits", "first weights")
    ]
    only_trained, only_first = (
        np.sum(right[0] & ~right[1]),
        np.sum(right[1] & ~right[0]),
    )
    print(
        f"{classifier}: {only_trained} images only the trained network has right, "
        f"{only_first} only that with its first weights"
    )

# %%
# It is not: neither network is ahead by more than chance gives. To know which way up
# digits are is no help in telling them apart here. The network with its first weights
# is a strong control, and both are ahead of the pixels with a linear classifier.
#
# Modules of torch are marked as outside data in every table, as featx cannot know what
# they learned from.

print(results.outside_data)
plt.show()
temporary.cleanup()
