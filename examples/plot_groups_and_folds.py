"""
Why is my model so much worse on new patients?
==============================================

Pictures of one patient, site or part have something in common. If some of them are training
images and others judge, a classifier may know the patient and not the illness. With groups
no patient is on both sides, and the accuracy is that on patients to come.
"""

# %%
# Pictures that know their patient
# --------------------------------
# Twenty-four patients are drawn with eight pictures each. Every patient has a pattern
# of their own, and half of them have an illness that shows as four small spots.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from PIL import Image

from featx import (
    FeatureCache,
    PatchAutoencoder,
    Protocol,
    RawPixels,
    bench,
    load_dataset,
)
from featx.reports import ComparisonDisplay, plot_samples

sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
rng = np.random.default_rng(0)
rows, columns = np.mgrid[:32, :32]


def draw_pattern():
    """Draw the smooth pattern of a patient, (32, 32)."""
    coarse = Image.fromarray(rng.uniform(60, 190, (5, 5)).astype(np.float32))
    return np.asarray(coarse.resize((32, 32), Image.Resampling.BICUBIC))


def draw_picture(pattern, is_ill):
    """Draw one picture of a patient: noise, other light, and spots if they are ill."""
    picture = rng.uniform(0.9, 1.1) * pattern + rng.normal(0, 8, (32, 32))
    for row, column in rng.uniform(4, 28, (4 if is_ill else 0, 2)):
        distance = np.hypot(rows - row, columns - column)
        picture += 90 * np.exp(-((distance / 1.5) ** 2))
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
for patient in range(24):
    name = "ill" if patient % 2 else "well"
    (folder / "pictures" / name).mkdir(parents=True, exist_ok=True)
    pattern = draw_pattern()
    for number in range(8):
        file = folder / "pictures" / name / f"patient{patient:02}-{number}.png"
        draw_picture(pattern, is_ill=name == "ill").save(file)

places = {"cache_dir": folder / "cache"}
alone = load_dataset(folder / "pictures", **places)
grouped = load_dataset(folder / "pictures", group_by="(patient[0-9]+)", **places)
print(f"{len(grouped)} pictures of {grouped.n_groups} patients")
plot_samples(alone.train.X, alone.train.y, alone.class_names)

# %%
# The same table with and without groups
# --------------------------------------
# In five folds every picture is judged once, by what never saw it. In the first table
# folds are drawn from pictures. In the second one they are drawn from patients, and the
# intervals count patients, too.

encoders = {
    "raw": RawPixels(),
    "random-patches": PatchAutoencoder(
        48, max_epochs=0, n_patches=20_000, random_state=0
    ),
}
protocol = Protocol(folds=5)
cache = FeatureCache(folder / "cache")
tables = {
    "folds of pictures": bench(
        alone, encoders, ["svm"], protocol=protocol, cache=cache
    ),
    "folds of patients": bench(
        grouped, encoders, ["svm"], protocol=protocol, cache=cache
    ),
}
figure, axes = plt.subplots(2, figsize=(7, 4), sharex=True, layout="constrained")
for ax, (title, results) in zip(axes, tables.items(), strict=True):
    ComparisonDisplay.from_results(results, ax=ax)
    ax.set_title(title, loc="left")
    ax.axvline(50, color="gray", linestyle=":")
    print(f"{title}: intervals count {results.unit}")
    for row in results.ranked:
        low, high = row.scores.accuracy_ci95
        print(f"  {row.name:20} {row.percent} % [{100 * low:.1f}, {100 * high:.1f}]")

# %%
# The first table is true of new pictures of the same patients, and of nobody else. The
# second one is what a new patient may expect: no row is shown to do better than chance,
# which is the dotted line. Its intervals are wide because there are 24 patients. More
# pictures of them would not help; more patients would.
#
# Use ``--group-by`` on the command line, a column ``group`` in a table of labels, or
# ``groups_train`` in an ``.npz`` file.

plt.show()
temporary.cleanup()
