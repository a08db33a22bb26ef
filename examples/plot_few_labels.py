"""
How many labels do I need, and what do images without a label give?
===================================================================

Encoders learn without labels, so only the classifier needs some. A learning curve says how
accurate it is with so many, and what more of them may give. A second table says whether the
images without a label helped.
"""

# %%
# Accuracy by the number of labels
# --------------------------------
# Every encoder learns once, from all training images of the digits. Then 2, 5, 10 and
# more labels of each class are drawn five times, the same for every row, and a linear
# classifier is fitted on these alone. The bands are one standard deviation between
# draws.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from featx import (
    CompactAutoencoder,
    FeatureCache,
    PatchAutoencoder,
    Protocol,
    RawPixels,
    bench,
    encode,
    learning_curve,
    load_dataset,
    suggest,
)
from featx.reports import LearningCurveDisplay, plot_samples

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
cache = FeatureCache(folder)

digits = load_dataset("digits")
encoders = {
    "raw": RawPixels(),
    "random-patches": PatchAutoencoder(64, max_epochs=0, random_state=0),
    "patch": PatchAutoencoder(64, max_epochs=4, random_state=0),
    "compact": CompactAutoencoder(n_filters=64, random_state=0),
}
curve = learning_curve(
    digits,
    encoders,
    ["linear-svm"],
    labels=[2, 5, 10, 25, 50],
    draws=5,
    cache=cache,
)
display = LearningCurveDisplay.from_results(curve)

# %%
# With 10 labels of each class ``compact`` is about as accurate as the pixels with 25.
# Filters that were learned (``patch``) and random patches of images (gray) do not
# differ by more than the draws do, and with all labels the three are equally good. The
# curve can be carried on:

print(curve.sentence())
for row in curve.highest:
    print(f"{row.name:28}", "  ".join(row.percents()))

# %%
# What the images without a label gave
# ------------------------------------
# Now only five images of each class have a label, the others have none. ``compact``
# learns once from all of them, and once from the labeled ones alone.

rng = np.random.default_rng(0)
X, y = digits.train.X, digits.train.y
labeled = np.concatenate(
    [rng.permutation(np.flatnonzero(y == label))[:5] for label in range(10)]
)
rest = np.setdiff1d(np.arange(len(y)), labeled)
np.savez(
    folder / "few.npz",
    X_train=X[labeled],
    y_train=y[labeled],
    X_unlabeled=X[rest],
    X_test=digits.test.X,
    y_test=digits.test.y,
)
few = load_dataset(folder / "few.npz")
results = bench(
    few,
    {"compact": encoders["compact"]},
    ["linear-svm"],
    protocol=Protocol(ablate_unlabeled=True),
    cache=cache,
)
print(results.to_frame()[["encoder", "n_features", "accuracy"]].to_string(index=False))
test = results.comparison_of(
    "compact + linear-svm", "compact (labeled only) + linear-svm"
)
low, high = 100 * np.array(test.difference_ci95)
print(f"the images without a label gave {low:+.1f} to {high:+.1f} points")
print(f"p = {test.p_value:.3f}")

# %%
# Here they gave nothing that can be seen. The digits are simple, and fifty of them show
# all strokes there are. On photographs it may be otherwise, and only this comparison
# can tell. This is one draw of fifty labels; the interval covers the choice of the test
# images alone.

# %%
# Which images to label first
# ---------------------------
# Ten labels are to be bought. Typical images of ten clusters are a better start than
# any ten images.

features = encode(few, encoders["compact"], cache=cache, name="compact").unlabeled
first = suggest(features.X, k=10)
print(f"{first.why} images, of {len(set(y[rest][first.rows]))} of the ten classes")
ax = plot_samples(
    few.unlabeled.X[first.rows], np.zeros(10, int), ["typical"], per_class=10
)
ax.set_title("Label these first", loc="left")
plt.show()
temporary.cleanup()
