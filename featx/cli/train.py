"""The command `featx train`."""

from featx.cli.options import OneEncoderOptions
from featx.cli.output import end, err, out, print_json, say, tell_dataset
from featx.cli.progress import StderrProgress
from featx.errors import ParameterError


def train(options: OneEncoderOptions) -> None:
    """Train an encoder and cache it; on several GPUs or machines under torchrun."""
    from sklearn.pipeline import FeatureUnion

    from featx.autoencoders.processes import init_distributed

    with (
        init_distributed() as first,
        StderrProgress(err, options.quiet or not first) as progress,
    ):
        dataset = options.load(progress, need_labels=False)
        if first:
            tell_dataset(dataset, options.quiet)
        encoder = options.make_encoder(dataset)
        if isinstance(encoder, FeatureUnion):
            raise ParameterError(
                f"Got encoder {options.encoder!r}, but expected one: encoders side by side "
                "learn by themselves. Train them one by one."
            )
        trained = options.cache().fit(
            encoder, dataset.learning_images, name=options.encoder, progress=progress
        )
    if not first:
        return
    if options.as_json:
        head = {"encoder": options.encoder, "data": dataset.describe()}
        print_json(head | trained.to_dict())
    else:
        source = (
            "from the cache" if trained.cached else f"{trained.train_seconds:.1f} s"
        )
        losses = trained.history.get("loss", [])
        say(
            f"{options.encoder}: {len(dataset.learning_images):,} images, {source}"
            + (f"; loss {losses[0]:.4g} to {losses[-1]:.4g}." if losses else "."),
            options.quiet,
        )
        out.print(trained.key)
    end(options.strict, len(dataset.skipped))
