"""Labeled images: where they come from, how they are split and thinned."""

from featx.catalog import NAMED
from featx.images.files import ImageBatch, find_images, read_images, read_list
from featx.images.imageset import Dataset, ImageSet, Skipped
from featx.images.loading import load_dataset
from featx.images.pixels import with_channels

__all__ = [
    "NAMED",
    "Dataset",
    "ImageBatch",
    "ImageSet",
    "Skipped",
    "find_images",
    "load_dataset",
    "read_images",
    "read_list",
    "with_channels",
]
