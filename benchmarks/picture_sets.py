"""Folders of pictures of three kinds, made from what Debian and matplotlib ship.

``drawings``: clip art of eight subjects, of many sizes and shapes, transparent ones too.
``photographs``: crops of photographs; a class is one photograph, its left half for
training, its right half held out, so that a crop never lies in both.
``letters``: words in the fonts of matplotlib; a class is a font, so small detail counts.

``python -m benchmarks.picture_sets OUT --clipart DIR --photos DIR`` makes them. DIR are the
unpacked packages openclipart-png, and plasma-workspace-wallpapers with mate-backgrounds
and lomiri-wallpapers-16.04.
"""

from __future__ import annotations

import argparse
import string
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SUBJECTS = ("animals", "buildings", "food", "people", "plants", "recreation", "tools",
            "transportation")  # fmt: skip
PER_CLASS = 120
LETTERS = 128  # pixels of a side of a picture of letters


def drawings(source: Path, out: Path, rng: np.random.Generator) -> None:
    """Copy clip art, one folder for each subject."""
    for subject in SUBJECTS:
        files = sorted((source / subject).rglob("*.png"))
        folder = out / subject
        folder.mkdir(parents=True)
        for i in rng.permutation(len(files))[: 2 * PER_CLASS]:
            (folder / f"{i:04}.png").write_bytes(files[i].read_bytes())


def photographs(source: Path, out: Path, rng: np.random.Generator) -> None:
    """Cut crops of photographs, from 12 to 40 % of their height."""
    files = [f for f in sorted(source.rglob("*.jpg")) if f.stat().st_size > 250_000]
    # of one photograph in several sizes, one
    once = [f for f in files if "x" not in f.stem or f.stem == "2560x1600"
            or not f.stem[-1].isdecimal()]  # fmt: skip
    for number, file in enumerate(once):
        whole = Image.open(file).convert("RGB")
        for part, start in (("train", 0.0), ("test", 0.5)):
            folder = out / part / f"{number:02}"
            folder.mkdir(parents=True)
            for i in range(PER_CLASS // 3):
                height = int(rng.uniform(0.12, 0.4) * whole.height)
                width = min(int(1.5 * height), whole.width // 2)
                left = int(
                    start * whole.width + rng.integers(whole.width // 2 - width + 1)
                )
                top = int(rng.integers(whole.height - height + 1))
                crop = whole.crop((left, top, left + width, top + height))
                crop.resize((300, 200), Image.Resampling.LANCZOS).save(
                    folder / f"{i:03}.jpg", quality=85
                )


def letters(out: Path, rng: np.random.Generator) -> None:
    """Draw words of random letters in each font, of random size, place and contrast."""
    fonts = sorted(Path(matplotlib.get_data_path(), "fonts/ttf").glob("*.ttf"))
    odd = ("Display", "cmex", "cmsy", "NonUni", "LastResort", "Siz")
    usable = [file for file in fonts if not any(part in file.name for part in odd)]
    for file in usable:
        folder = out / file.stem
        folder.mkdir(parents=True)
        for i in range(PER_CLASS // 2):
            picture = Image.new("L", (LETTERS, LETTERS), int(rng.integers(150, 256)))
            draw = ImageDraw.Draw(picture)
            font = ImageFont.truetype(str(file), int(rng.integers(22, 44)))
            for line in range(4):
                word = "".join(rng.choice(list(string.ascii_letters), 8))
                place = (float(rng.integers(-20, 10)), 34.0 * line - 8)
                draw.text(place, word, fill=int(rng.integers(0, 100)), font=font)
            noisy = np.asarray(picture) + rng.normal(0, 12, (LETTERS, LETTERS))
            clipped = np.clip(noisy, 0, 255).astype(np.uint8)
            Image.fromarray(clipped).save(folder / f"{i:03}.png")


def main() -> None:
    """Make all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clipart", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    options = parser.parse_args()
    drawings(options.clipart, options.out / "drawings", np.random.default_rng(0))
    photographs(options.photos, options.out / "photographs", np.random.default_rng(1))
    letters(options.out / "letters", np.random.default_rng(2))


if __name__ == "__main__":
    main()
