"""
How do I compare a pretrained network with features of my own images?
======================================================================

``torchvision:NAME`` and ``timm:NAME`` are encoders, too, with weights from a file. **No
weights are downloaded here:** the file holds random ones, so that the script runs anywhere.
It shows how such a network is used and judged, not how good a pretrained one is.
"""

# %%
# A file of weights
# -----------------
# You would have a file that torchvision or a colleague made. Here the first weights of
# a ResNet-18 are written to one, with a seed.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torchvision.models import resnet18

from featx import FeatureCache, PatchAutoencoder, RawPixels, bench, load_dataset
from featx.encoders import pretrained
from featx.reports import ComparisonDisplay

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
torch.manual_seed(0)
torch.save(resnet18(weights=None).state_dict(), folder / "resnet18.pth")

# %%
# The network in the table
# ------------------------
# By its name it sees images as its weights want them. Here gray digits become three
# channels and 32 pixels wide, instead of 224. What follows ``@`` is the layer that is
# taken; without it, what the last layer is given.

weights = folder / "resnet18.pth"
encoders = {
    "raw": RawPixels(),
    "random-patches": PatchAutoencoder(64, max_epochs=0, random_state=0),
    "patch": PatchAutoencoder(64, max_epochs=4, random_state=0),
    "resnet18": pretrained("torchvision:resnet18", weights=weights),
    "resnet18@layer2": pretrained("torchvision:resnet18@layer2", weights=weights),
}
encoders["resnet18"].set_params(size=32)
encoders["resnet18@layer2"].set_params(size=32, pool=2)

digits = load_dataset("digits", limit=800)
cache = FeatureCache(folder / "cache")
results = bench(digits, encoders, ["linear-svm"], cache=cache)
table = results.to_frame()
shown = table[["encoder", "n_features", "accuracy", "encode_images_per_second"]]
print(shown.round(3).to_string(index=False))
print("outside data:", ", ".join(results.outside_data))
display = ComparisonDisplay.from_results(results)

# %%
# Read it with care. Weights at random already give features, and an early layer better
# ones than the last. A network that is shown only against the pixels may owe its lead
# to its shape alone. Weights that learned from photographs would say more of
# photographs. Compare them on your own images, beside what learned from these; the
# table marks them as outside data.

plt.show()
temporary.cleanup()
