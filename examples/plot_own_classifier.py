"""
Can I use any classifier of scikit-learn, and trust its probabilities?
=======================================================================

Any classifier goes into the table, a search of its settings among them. Whatever it says
becomes a probability, found on training images that were held out. A reliability diagram
shows whether these come true.
"""

# %%
# Classifiers by name and as objects
# ----------------------------------
# ``None`` stands for the classifier of featx with that name. Others keep their
# settings; where you want these searched, give a ``GridSearchCV``. The digits get some
# noise, so that there are errors to be seen.

import tempfile
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from featx import FeatureCache, PatchAutoencoder, bench, load_dataset
from featx.reports import ReliabilityDisplay, RiskCoverageDisplay

classifiers = {
    "svm": None,
    "trees": ExtraTreesClassifier(100, random_state=0),
    "naive Bayes": GaussianNB(),
    "neighbors": GridSearchCV(
        KNeighborsClassifier(), {"n_neighbors": [1, 3, 5, 10]}, cv=3
    ),
}
sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
temporary = tempfile.TemporaryDirectory()
rng = np.random.default_rng(0)


def with_noise(part):
    """Add noise to images, so that there are errors to be seen."""
    noisy = part.X + rng.normal(0, 60, part.X.shape)
    return replace(part, X=noisy.clip(0, 255).astype(np.uint8))


digits = load_dataset("digits")
digits = replace(digits, train=with_noise(digits.train), test=with_noise(digits.test))
encoders = {"patch": PatchAutoencoder(32, max_epochs=3, random_state=0)}
cache = FeatureCache(temporary.name)
results = bench(digits, encoders, classifiers, cache=cache)
print(results)

# %%
# Do the probabilities come true?
# -------------------------------
# Naive Bayes is far too sure of itself: 256 features of one image are not 256
# independent witnesses. In the table its probabilities are those after calibration. The
# points should lie on the dotted line. Large points and high bars stand for many
# images; where an interval is long, there are few.

figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
for ax, name in zip(axes, ["patch + svm", "patch + naive Bayes"], strict=True):
    ReliabilityDisplay.from_results(results, name, ax=ax)

# %%
# The same classifier as scikit-learn has it, without calibration, on the same features:

encoder = encoders["patch"].fit(digits.train.X)
bayes = GaussianNB().fit(encoder.transform(digits.train.X), digits.train.y)
plain = ReliabilityDisplay.from_estimator(
    bayes, encoder.transform(digits.test.X), digits.test.y, name="without calibration"
)
said = results.reliability_of("patch + naive Bayes")
print(f"calibration error without {plain.reliability.error:.3f}, with {said.error:.3f}")

# %%
# Which one would err least if it might keep silent?
# --------------------------------------------------
# Only the surest images are named. The lower the curve, the better; the area under it
# sums that up. Naive Bayes is equally sure of most images, right or wrong: calibration
# makes its probabilities true on average, and cannot tell which images they are wrong
# about.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for row in results.rows:
    RiskCoverageDisplay.from_results(results, row.name, ax=ax)
plt.show()
temporary.cleanup()
