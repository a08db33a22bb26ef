"""Labelled images: where they come from, how they are split and thinned."""

from featx.images.imageset import Dataset, ImageSet, Skipped
from featx.images.loading import load_dataset
from featx.images.named import NAMED

__all__ = ["NAMED", "Dataset", "ImageSet", "Skipped", "load_dataset"]
