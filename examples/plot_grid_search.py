"""
How do I search the settings of an encoder with scikit-learn?
=============================================================

An encoder is a transformer: it stands in a ``Pipeline``, and ``GridSearchCV`` searches its
settings together with those of the classifier. Nothing of featx but the encoder is needed.
"""

# %%
# Images as they are
# ------------------
# Encoders take images of shape (n, height, width) or (n, height, width, channels). Some
# digits are put aside first; the search does not see them.

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from scipy.stats import binomtest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from featx import PatchAutoencoder

sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.9)
X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=600, stratify=y, random_state=0
)

# %%
# The search
# ----------
# The settings of the encoder and of the classifier are searched together, in three
# folds. In each fold the encoder learns from the training images of that fold alone.

pipeline = Pipeline(
    [
        ("encoder", PatchAutoencoder(max_epochs=2, n_patches=10_000, random_state=0)),
        ("scale", StandardScaler()),
        ("svm", SVC()),
    ]
)
grid = {
    "encoder__n_components": [4, 16, 64],
    "encoder__patch_size": [3, 5],
    "svm__C": [1, 10],
}
search = GridSearchCV(pipeline, grid, cv=3).fit(X_train, y_train)
print(search.best_params_)

# %%
# What the grid says
# ------------------
# Points are means over the folds, bars one standard deviation between them. More
# filters are better here. Where bars overlap, one setting may be as good as another,
# and the best of twelve is best by chance, too.

found = pd.DataFrame(search.cv_results_)
found["patch_size"] = found["param_encoder__patch_size"].astype(str)
best_C = found[found["param_svm__C"] == search.best_params_["svm__C"]]
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (size, lines), color in zip(
    best_C.groupby("patch_size"), sns.color_palette(), strict=False
):
    ax.errorbar(
        lines["param_encoder__n_components"].astype(int),
        100 * lines["mean_test_score"],
        yerr=100 * lines["std_test_score"],
        label=f"patches of {size} x {size} pixels",
        color=color,
        marker="o",
        capsize=3,
    )
ax.set(xscale="log", xlabel="filters", ylabel="accuracy in three folds (%)")
ax.set_xticks([4, 16, 64], ["4", "16", "64"])
ax.minorticks_off()
ax.legend(frameon=False)

# %%
# What is left of it
# ------------------
# The accuracy of the best setting was chosen from many and flatters. The images that
# were put aside say what to expect.

right = int((search.predict(X_test) == y_test).sum())
low, high = binomtest(right, len(y_test)).proportion_ci(method="wilson")
print(f"in the search: {100 * search.best_score_:.1f} %")
print(
    f"on {len(y_test)} other images: {100 * right / len(y_test):.1f} % "
    f"[{100 * low:.1f}, {100 * high:.1f}]"
)
plt.show()
