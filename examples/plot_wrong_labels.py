"""
Which of my labels are wrong?
=============================

People who label images err. ``bench`` lists the training images whose label looks wrong by
the features of the chosen row: each image is judged by all others. Here wrong labels are
planted among the digits, so that it can be said how many of them are found.
"""

# %%
# Forty wrong labels are planted
# ------------------------------
# Of 1,438 training images, 40 get the label of another digit, drawn at random.

import tempfile
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from featx import CompactAutoencoder, FeatureCache, bench, load_dataset

sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
temporary = tempfile.TemporaryDirectory()
rng = np.random.default_rng(0)
digits = load_dataset("digits")
true = digits.train.y
planted = rng.choice(len(true), 40, replace=False)
given = true.copy()
given[planted] = (true[planted] + rng.integers(1, 10, 40)) % 10
spoiled = replace(digits, train=replace(digits.train, y=given))

# %%
# They are looked for
# -------------------
# The list is part of every result; the page of a run shows the images.

encoders = {"compact": CompactAutoencoder(n_filters=64, random_state=0)}
cache = FeatureCache(temporary.name)
results = bench(spoiled, encoders, ["svm"], cache=cache)
found = results.diagnostics
is_planted = np.isin(found.issue_rows, planted)
print(f"{found.n_issues} of {found.n_judged} labels look wrong")
print(f"{is_planted.sum()} of them were planted, of {len(planted)} in all")
right = found.issue_labels[is_planted] == true[found.issue_rows[is_planted]]
print(f"for {right.sum()} of these the suggested label is the true one")

# %%
# The clearest come first, so one may stop looking at any time. Those that were not
# planted are digits that are hard to read.

shown = found.issue_rows[:40]
figure, axes = plt.subplots(4, 10, figsize=(9, 5.2), layout="constrained")
for ax in axes.ravel():
    ax.set_axis_off()
for ax, row, suggested in zip(axes.ravel(), shown, found.issue_labels, strict=False):
    ax.imshow(digits.train.X[row, :, :, 0], cmap="gray_r")
    mark = "planted" if row in planted else "as it came"
    color = "C0" if row in planted else "C3"
    title = f"labeled {given[row]}\nlike a {suggested}\n{mark}"
    ax.set_title(title, fontsize=8, color=color)

# %%
# How many images must be looked at to find so many wrong labels? Looking at images in
# any order finds hardly one of them in forty images.

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
looked_at = np.arange(1, len(is_planted) + 1)
ax.plot(looked_at, np.cumsum(is_planted), label="in the order of the list")
chance = len(planted) / len(true)
ax.plot(looked_at, chance * looked_at, "--", color="gray", label="in any order")
ax.axhline(len(planted), color="black", linestyle=":", label="all that were planted")
ax.set(xlabel="images that were looked at", ylabel="wrong labels found", ylim=(0, None))
ax.legend()
plt.show()
temporary.cleanup()
