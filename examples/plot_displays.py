"""
Which figures can I draw?
=========================

Each kind of figure is a display, as scikit-learn has them: ``from_results`` draws it,
``ax`` says where, ``plot`` draws it again, and the artists are attributes. Here is one of
each.
"""

# %%
# A comparison to draw
# --------------------
# The digits get some noise, so that there are errors to be seen.

import tempfile
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from featx import (
    ConvAutoencoder,
    FeatureCache,
    PatchAutoencoder,
    RawPixels,
    bench,
    learning_curve,
    load_dataset,
)
from featx.reports import (
    ClassAccuracyDisplay,
    ClassCountsDisplay,
    ClassificationReportDisplay,
    ComparisonDisplay,
    ConfusionDisplay,
    LearningCurveDisplay,
    LossDisplay,
    ReliabilityDisplay,
    RiskCoverageDisplay,
    plot_predictions,
    plot_reconstructions,
    plot_samples,
)

sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
temporary = tempfile.TemporaryDirectory()
cache = FeatureCache(temporary.name)
rng = np.random.default_rng(0)


def with_noise(part):
    """Add noise to images, so that there are errors to be seen."""
    noisy = part.X + rng.normal(0, 60, part.X.shape)
    return replace(part, X=noisy.clip(0, 255).astype(np.uint8))


digits = load_dataset("digits")
digits = replace(digits, train=with_noise(digits.train), test=with_noise(digits.test))
encoders = {
    "raw": RawPixels(),
    "patch": PatchAutoencoder(32, max_epochs=4, random_state=0),
    "conv": ConvAutoencoder(
        n_components=16, hidden_channels=(16,), max_epochs=12, random_state=0
    ),
}
results = bench(digits, encoders, ["linear-svm", "knn"], cache=cache)
print(results)

# %%
# All rows with their intervals
# -----------------------------

display = ComparisonDisplay.from_results(results)

# %%
# Accuracy by the number of labels
# --------------------------------

curve = learning_curve(
    digits, encoders, ["linear-svm"], labels=[2, 5, 20, 50], draws=4, cache=cache
)
display = LearningCurveDisplay.from_results(curve)

# %%
# Class by class
# --------------
# Without a name it is the row to use; any other is named.

display = ClassAccuracyDisplay.from_results(results)
display = ClassificationReportDisplay.from_results(results, "raw + linear-svm")

# %%
# Which classes are taken for which
# ---------------------------------
# Two rows side by side, on axes of your own.

figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, name in zip(axes, ["raw + linear-svm", results.chosen.name], strict=True):
    ConfusionDisplay.from_results(results, name, ax=ax, colorbar=False)

# %%
# Whether probabilities come true
# -------------------------------

display = ReliabilityDisplay.from_results(results, "raw + linear-svm")

# %%
# How many of the surest names are wrong
# --------------------------------------
# Several on one figure, each in a color of its own.

figure, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
for name in ("raw + linear-svm", "conv + linear-svm", "patch + linear-svm"):
    RiskCoverageDisplay.from_results(results, name, ax=ax)

# %%
# How training went
# -----------------
# The artists can be changed afterwards.

display = LossDisplay.from_results(results, "conv")
display.ax_.set_title("A small autoencoder on the digits", loc="left")
display.lines_[0].set_linewidth(2.5)

# %%
# How many images each class has
# ------------------------------

display = ClassCountsDisplay.from_dataset(digits)

# %%
# Images
# ------
# What draws images are functions, as there is nothing to keep but the axes.

rows = results.example_rows[:24]
names, chosen = digits.class_names, results.chosen.name
plot_samples(digits.train.X, digits.train.y, names)
plot_predictions(
    digits.test.X[rows], results.y_true[rows], results.predictions[chosen][rows], names
)
outputs = results.reconstructions["conv"][:10]
plot_reconstructions(results.examples[: len(outputs)], outputs, title="conv")
plt.show()
temporary.cleanup()
