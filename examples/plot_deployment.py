"""
How do I run a model without featx?
===================================

``export_onnx`` writes encoder, classifier and calibration as one graph. It runs wherever
onnxruntime does: in C++, Java, JavaScript or, as here, in a Python that has neither featx
nor torch. Install ``featx[onnx]`` to write it.
"""

# %%
# A model
# -------
# A small encoder and a classifier learn from the digits. ``precision`` is float32, as
# the graph has it.

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

import featx
from featx import CompactAutoencoder, Model, make_classifier

sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
digits = featx.load_dataset("digits")
encoder = CompactAutoencoder(n_filters=64, precision="float32", random_state=0)
features = encoder.fit(digits.train.X).transform(digits.train.X)
classifier = make_classifier(
    "logreg", n_features=features.shape[1], n_images=len(features)
)
classifier.fit(features, digits.train.y)
model = Model.of(encoder, classifier, digits.class_names)

# %%
# One file
# --------

n_bytes = featx.export_onnx(model, folder / "digits.onnx")
print(f"digits.onnx has {n_bytes / 1e6:.1f} MB")

# %%
# It runs by itself
# -----------------
# This program imports numpy and onnxruntime and nothing else. It runs in a process of
# its own, which says so.

program = """
import json
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("digits.onnx")
(given,) = session.get_inputs()
names, probabilities = session.run(None, {given.name: np.load("images.npy")})
absent = [name for name in ("featx", "torch", "sklearn") if name not in sys.modules]
print(json.dumps([names.tolist(), probabilities.tolist(), absent]))
"""
np.save(folder / "images.npy", digits.test.X)
done = subprocess.run(
    [sys.executable, "-c", program],
    cwd=folder,
    capture_output=True,
    text=True,
    check=True,
)
names, probabilities, absent = json.loads(done.stdout)
print("not imported there:", ", ".join(absent))

# %%
# Do both say the same?
# ---------------------

ours = model.predict_proba(digits.test.X)
theirs = np.array(probabilities)
same = np.mean(model.predict(digits.test.X) == np.array(names))
print(f"the same class for {100 * same:.1f} % of {len(names)} images")
print(f"largest difference of a probability: {np.abs(ours - theirs).max():.1e}")
true = np.array(digits.class_names)[digits.test.y]
print(f"accuracy of the graph: {100 * np.mean(true == np.array(names)):.1f} %")

figure, ax = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
ax.plot([0, 1], [0, 1], color="gray", linewidth=1)
ax.plot(ours.max(axis=1), theirs.max(axis=1), ".", alpha=0.5)
ax.set(xlabel="highest probability, featx", ylabel="highest probability, onnxruntime")
ax.set_title(f"{len(names)} test images")
plt.show()
temporary.cleanup()
