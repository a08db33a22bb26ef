"""
How do I read results with pandas?
==================================

A result is plain data: a table of rows, tests between them, and what every row said of each
image. All of it goes into data frames, and from there into the figures of a paper. What a
run leaves on the disk is the same.
"""

# %%
# A comparison
# ------------

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from featx import (
    CompactAutoencoder,
    FeatureCache,
    PatchAutoencoder,
    RawPixels,
    bench,
    load_dataset,
)

sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
digits = load_dataset("digits")
encoders = {
    "raw": RawPixels(),
    "random-patches": PatchAutoencoder(64, max_epochs=0, random_state=0),
    "patch": PatchAutoencoder(64, max_epochs=4, random_state=0),
    "compact": CompactAutoencoder(n_filters=64, random_state=0),
}
cache = FeatureCache(folder / "cache")
results = bench(digits, encoders, ["linear-svm", "knn"], cache=cache)

# %%
# The table
# ---------
# One line for each row, in the units of scikit-learn: shares in [0, 1], seconds.

table = results.to_frame()
print(table.pivot(index="encoder", columns="classifier", values="accuracy").round(3))

# %%
# What does accuracy cost? Times depend on the machine, and those of a script this small
# say little of larger ones; the shape of the figure is what to keep.

table["seconds"] = table[
    ["train_seconds", "encode_seconds", "fit_seconds", "predict_seconds"]
].sum(axis=1)
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
sns.scatterplot(
    table, x="seconds", y="accuracy", hue="encoder", style="classifier", s=70, ax=ax
)
ax.set(xscale="log", xlabel="seconds for all images")
ax.legend(bbox_to_anchor=(1, 1), loc="upper left", frameon=False)

# %%
# The tests
# ---------
# Each line is one paired test on the same test images, p-values corrected after Holm
# over all of them. A difference whose interval has nought in it may be chance.

tests = pd.DataFrame([test.to_dict() for test in results.comparisons])
print(tests.head(8).to_string(index=False))

# %%
# The predictions
# ---------------
# Which digits does every row get wrong? These are hard, or their label is.

names = list(digits.class_names)
said = pd.DataFrame(results.predictions, index=results.ids)
wrong = said.ne(results.y_true, axis=0)
hardest = wrong.sum(axis=1).sort_values(ascending=False, kind="stable").head(8)
lines = pd.DataFrame(
    {
        "label": [names[y] for y in results.y_true],
        "said most often": [names[y] for y in said.mode(axis=1)[0].astype(int)],
        "rows that err": wrong.sum(axis=1),
    },
    index=results.ids,
)
print(lines.loc[hardest.index].to_string())

# %%
# From the disk
# -------------
# ``results.save`` writes what ``featx bench`` writes.

results.save(folder / "run", digits)
again = pd.read_csv(folder / "run" / "table.csv")
predictions = pd.read_csv(folder / "run" / "predictions.csv", index_col="id")
print(again.shape, predictions.shape)
print(sorted(file.name for file in (folder / "run").iterdir()))
plt.show()
temporary.cleanup()
