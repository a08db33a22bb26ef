"""
How do I get from folders of pictures to a model that names new ones?
======================================================================

Pictures lie in folders, one for each class. A table says which features serve them best,
the chosen row becomes a file, and that file names the class of new pictures. On the command
line these are ``featx bench``, ``featx fit --save`` and ``featx predict``.
"""

# %%
# A folder for each class
# -----------------------
# The pictures are drawn here, so that the script needs no download: one shape each,
# anywhere, of any size and color, with noise. Your own may be photographs of any size.

import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

import featx
from featx import FeatureCache, Model, Observer, PatchAutoencoder, RawPixels
from featx.images import find_images, read_images
from featx.reports import ComparisonDisplay, plot_predictions, plot_samples

CORNERS = {"circle": None, "square": 4, "triangle": 3}
rng = np.random.default_rng(0)


def draw_picture(shape):
    """Draw one shape on a plain ground, then add noise."""
    ground = tuple(rng.integers(150, 250, 3).tolist())
    ink = tuple(rng.integers(0, 100, 3).tolist())
    image = Image.new("RGB", (40, 40), ground)
    x, y = rng.integers(14, 26, 2).tolist()
    radius = int(rng.integers(9, 13))
    pen = ImageDraw.Draw(image)
    if shape == "circle":
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    else:
        turn = int(rng.integers(360))
        pen.regular_polygon((x, y, radius), CORNERS[shape], rotation=turn, fill=ink)
    noisy = np.asarray(image) + rng.normal(0, 15, (40, 40, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
for shape in CORNERS:
    (folder / "pictures" / shape).mkdir(parents=True)
    for number in range(200):
        draw_picture(shape).save(folder / "pictures" / shape / f"{number}.png")

dataset = featx.load_dataset(folder / "pictures", cache_dir=folder / "cache")
dataset = replace(dataset, name="shapes")  # its name is the path otherwise
print(f"{len(dataset.train)} training and {len(dataset.test)} test images")
plot_samples(dataset.train.X, dataset.train.y, dataset.class_names)

# %%
# The table
# ---------
# Three encoders are compared. The pixels and the random patches are controls: what does
# not beat them has learned nothing of use. Filters and epochs are few, to save time;
# without ``encoders`` the usual ones are compared.

encoders = {
    "raw": RawPixels(),
    "random-patches": PatchAutoencoder(100, max_epochs=0, random_state=0),
    "patch": PatchAutoencoder(100, max_epochs=5, random_state=0),
}
fitted = {}


def keep(encoder, row):
    """Keep what was fitted for a row, by its name."""
    fitted[row.row.result.name] = encoder, row


results = featx.bench(
    dataset,
    encoders,
    ["svm"],
    cache=FeatureCache(folder / "cache"),
    observer=Observer(on_fitted=keep),
)
print(results)
display = ComparisonDisplay.from_results(results)

# %%
# Rows are compared on the same test images. Patches tell shapes better than pixels do,
# beyond chance. That learning the filters was worth it, compared with random patches, is
# not shown.

for other in ("raw", "random-patches"):
    test = results.comparison_of("patch + svm", f"{other} + svm")
    low, high = 100 * np.array(test.difference_ci95)
    print(
        f"patch against {other}: {low:+.1f} to {high:+.1f} points, p = {test.p_value:.2g}"
    )

# %%
# A file that names new pictures
# ------------------------------
# The row to use is chosen on training images that were held out, not on the test
# images. Encoder and classifier go into one file, with what makes probabilities of the
# scores.

chosen = results.chosen.name
encoder, row = fitted[chosen]
model = Model.of(
    encoder, row.classifier, dataset.class_names, calibration=row.judged.calibration
)
featx.save(model, folder / "model.featx")
print(f"{chosen}: {results.answer.percent} of the test images are right")

# %%
# Anybody who has the file can name the class of new pictures. Here twelve more are
# drawn.

(folder / "new").mkdir()
true = [list(CORNERS)[number % 3] for number in range(12)]
for number, shape in enumerate(true):
    draw_picture(shape).save(folder / "new" / f"{number:02}-{shape}.png")

model = featx.load(folder / "model.featx")
paths = find_images([str(folder / "new")])
(batch,) = read_images(paths, model.image_shape)
names, probabilities = model.predict_with_confidence(batch.X)
for path, name, probability in zip(batch.ids, names, probabilities, strict=True):
    print(f"{Path(path).name:16} {name:9} {probability:.2f}")

known = list(model.class_names)
y_true = [known.index(name) for name in true]
y_pred = [known.index(name) for name in names]
plot_predictions(batch.X, y_true, y_pred, known)
plt.show()
temporary.cleanup()
