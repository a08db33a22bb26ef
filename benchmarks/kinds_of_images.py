"""Small sets of several kinds of images, made offline: photographs, letters, objects.

A set has three parts: 0 to learn from, 1 to choose on, 2 to report. The first never
overlaps with the others: textures, also those of objects, come from different halves of the
same photograph, letters from different fonts, the rest from different draws. The second and
the third are different draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Part = tuple[Images, Labels]

SIDE = 32
OBJECT_SIDE = 96
_OBJECTS = "☀☁☂☃☎☕☘☠☢☮♔♘♜♞♣♥♨♬♻⚓⚔⚖⚙⚛✂✈✉✎✿❄"
_PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png"),
    *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png"),
    *("moon.png", "page.png", "retina.jpg", "rocket.jpg", "text.png"),
)


def uneven(n_classes: int, most: int, least: int) -> Labels:
    """Labels whose class counts fall from `most` to `least` in equal ratios."""
    counts = np.geomspace(most, least, n_classes).round().astype(int)
    return np.repeat(np.arange(n_classes), counts)


def even(n_classes: int, each: int) -> Labels:
    """Labels of classes of the same size."""
    return np.repeat(np.arange(n_classes), each)


def digits(labels: Labels, part: int) -> Part:
    """Give scanned digits of scikit-learn, 8 x 8; every third one to choose on."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    rows = np.flatnonzero((np.arange(len(y)) % 3 == 0) == part)
    images = X.reshape(-1, 8, 8)[rows].astype(np.uint8) * 15
    return _drawn(images, y[rows], labels)


def cifar10(folder: Path, labels: Labels, part: int) -> Part:
    """Photographs of ten kinds of things, from a copy of CIFAR-10 in class folders."""
    chosen = []
    root = folder / ("test" if part == 2 else "train")
    for label, place in enumerate(sorted(root.iterdir())):
        files = sorted(place.iterdir())[:: -1 if part == 1 else 1]
        for file in files[: (labels == label).sum()]:
            chosen.append(np.asarray(Image.open(file).convert("RGB")))
    return np.stack(chosen), labels


def textures(labels: Labels, part: int) -> Part:
    """Pieces of photographs that scikit-image brings; the class is the photograph."""
    rng = np.random.default_rng(2 + part)
    halves = _halves(part)
    images = [_piece(halves[label], SIDE, rng) for label in labels]
    return np.stack(images), labels


def objects(labels: Labels, part: int) -> Part:
    """Pictographs of 96 x 96, turned and slanted, their ground and filling textures."""
    rng = np.random.default_rng(10 + part)
    halves = _halves(part)
    images = [_object(_OBJECTS[label], halves, rng) for label in labels]
    return np.stack(images), labels


def letters(labels: Labels, part: int) -> Part:
    """Capital letters in the fonts that matplotlib brings; half of them for testing."""
    fonts = _fonts("DejaVu*.ttf")
    fonts = [font for font in fonts if "Display" not in font.name][min(part, 1) :: 2]
    rng = np.random.default_rng(4 + part)
    images = [_glyph(chr(65 + label), rng.choice(fonts), rng) for label in labels]
    return np.stack(images), labels


def fonts(labels: Labels, part: int) -> Part:
    """Give the same letters, but the class is the font."""
    names = [font for font in _fonts("DejaVu*.ttf") if "Display" not in font.name]
    rng = np.random.default_rng(6 + part)
    images = [_glyph(chr(65 + rng.integers(26)), names[k], rng) for k in labels]
    return np.stack(images), labels


def signs(labels: Labels, part: int) -> Part:
    """Round, square and pointed signs in colors, under changing light, with noise."""
    rng = np.random.default_rng(8 + part)
    images = np.empty((len(labels), SIDE, SIDE, 3), np.uint8)
    for row, label in enumerate(labels):
        light = rng.uniform(0.3, 1.0)
        canvas = Image.new(
            "RGB", (SIDE, SIDE), tuple(rng.integers(60, 200, 3).tolist())
        )
        draw = ImageDraw.Draw(canvas)
        color = ((200, 30, 30), (30, 60, 200), (230, 200, 40), (240, 240, 240))[
            label // 3 % 4
        ]
        x, y = (rng.integers(-3, 4, 2) + SIDE // 2).tolist()
        r = int(rng.integers(9, 14))
        if label % 3 == 0:
            draw.ellipse((x - r, y - r, x + r, y + r), fill=color)
        else:
            sides = 3 if label % 3 == 1 else 4
            draw.regular_polygon((x, y, r), sides, fill=color)
        draw.text((x - 3, y - 6), str(label // 12), fill=(0, 0, 0))
        noise = rng.normal(0, 12, (SIDE, SIDE, 3))
        images[row] = (np.asarray(canvas) * light + noise).clip(0, 255)
    return images, labels


def all_sets(cifar10_folder: Path | None = None) -> Iterator[tuple[str, Part, Part]]:
    """Give each set: its name, what is learned from, and what is judged on."""
    kinds: dict[str, tuple[Callable[[Labels, int], Part], Labels, Labels]] = {
        "digits": (digits, even(10, 110), even(10, 55)),
        "digits, uneven": (digits, uneven(10, 110, 4), even(10, 55)),
        "textures": (textures, even(15, 80), even(15, 40)),
        "textures, uneven": (textures, uneven(15, 400, 8), uneven(15, 200, 4)),
        "letters": (letters, even(26, 50), even(26, 20)),
        "letters, uneven": (letters, uneven(26, 250, 5), uneven(26, 120, 3)),
        "fonts": (fonts, even(12, 120), even(12, 50)),
        "fonts, uneven": (fonts, uneven(12, 600, 12), uneven(12, 200, 4)),
        "objects": (objects, even(30, 100), even(30, 40)),
        "signs, uneven": (signs, uneven(43, 200, 4), uneven(43, 80, 2)),
    }
    if cifar10_folder is not None:
        photographs = partial(cifar10, cifar10_folder)
        kinds["cifar10"] = (photographs, even(10, 150), even(10, 150))
        kinds["cifar10, uneven"] = (
            photographs,
            uneven(10, 600, 10),
            uneven(10, 300, 5),
        )
    for name, (make, train, judged) in kinds.items():
        yield name, make(train, 0), make(judged, 1)


def _drawn(images: Images, y: Labels, labels: Labels) -> Part:
    rows = [
        np.flatnonzero(y == label)[: (labels == label).sum()]
        for label in np.unique(labels)
    ]
    chosen = np.concatenate(rows)
    return images[chosen], y[chosen].astype(np.int64)


def _halves(part: int) -> list[Images]:
    """Half of each photograph: the left one to learn from, the right one to judge on."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    halves = []
    for name in _PHOTOGRAPHS:
        photograph = Image.open(folder / name).convert("RGB")
        width = 400 * photograph.width // photograph.height
        whole = np.asarray(photograph.resize((width, 400)))
        halves.append(whole[:, width // 2 :] if part else whole[:, : width // 2])
    return halves


def _piece(image: Images, side: int, rng: np.random.Generator) -> Images:
    top, left = (rng.integers(0, size - side) for size in image.shape[:2])
    return image[top : top + side, left : left + side]


def _object(sign: str, halves: list[Images], rng: np.random.Generator) -> Images:
    """Draw a pictograph whose filling is a little brighter or darker than its ground."""
    ground, filling = (
        _piece(halves[rng.integers(len(halves))], OBJECT_SIDE, rng).astype(float)
        for _ in range(2)
    )
    font = ImageFont.truetype(_fonts("DejaVuSans.ttf")[0], int(rng.integers(64, 100)))
    canvas = Image.new("L", (2 * OBJECT_SIDE, 2 * OBJECT_SIDE))
    ImageDraw.Draw(canvas).text((OBJECT_SIDE,) * 2, sign, 255, font, anchor="mm")
    turn, slant = rng.uniform(-0.4, 0.4, 2)
    x, y = OBJECT_SIDE + rng.uniform(-8, 8, 2)
    cos, sin = np.cos(turn), np.sin(turn)
    half = OBJECT_SIDE / 2
    across, down = (cos + slant * sin, -sin + slant * cos), (sin, cos)
    starts = [
        c - half * (a + b) for c, (a, b) in zip((x, y), (across, down), strict=True)
    ]
    matrix = (*across, starts[0], *down, starts[1])
    shape = canvas.transform(
        (OBJECT_SIDE, OBJECT_SIDE),
        Image.Transform.AFFINE,
        matrix,
        Image.Resampling.BILINEAR,
    )
    part = np.asarray(shape, float)[:, :, None] / 255
    shift = rng.choice([-1, 1]) * rng.uniform(25, 80, 3)
    filled = filling - filling.mean() + ground.mean() + shift
    return (ground * (1 - part) + filled * part).clip(0, 255).astype(np.uint8)


def _fonts(pattern: str) -> list[Path]:
    import matplotlib

    return sorted(Path(matplotlib.get_data_path()).glob(f"fonts/ttf/{pattern}"))


def _glyph(letter: str, font: Path, rng: np.random.Generator) -> Images:
    canvas = Image.new("L", (SIDE, SIDE), int(rng.integers(0, 80)))
    size = int(rng.integers(16, 27))
    place = tuple((rng.integers(-4, 5, 2) + SIDE // 2).tolist())
    ink = int(rng.integers(140, 256))
    drawn = ImageFont.truetype(font, size)
    ImageDraw.Draw(canvas).text(place, letter, fill=ink, font=drawn, anchor="mm")
    canvas = canvas.rotate(rng.uniform(-15, 15), resample=Image.Resampling.BILINEAR)
    noise = rng.normal(0, 20, (SIDE, SIDE))
    return (np.asarray(canvas) + noise).clip(0, 255).astype(np.uint8)
