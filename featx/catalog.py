"""The names that data sets, encoders and classifiers have; imports nothing."""

NAMED = ("cifar10", "cifar100", "digits", "fashion-mnist", "mnist", "stl10", "svhn")
FITS = ("stretch", "pad", "crop")  # what becomes of images in another shape
DEFAULT_ENCODERS = (
    *("raw", "pca", "untrained", "random-patches", "patch", "compact", "predictive"),
)
REFERENCE = "torchvision:resnet18"  # joins the default encoders where its weights are
SOURCES = ("torchvision", "timm")  # of pretrained networks: torchvision:NAME
ENCODERS = (*DEFAULT_ENCODERS, "conv")
CLASSIFIERS = ("linear-svm", "logreg", "ridge", "svm", "kernel-ridge", "mlp", "knn")
MAP_METHODS = ("pca", "tsne")
