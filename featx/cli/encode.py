"""The command `featx encode`."""

from dataclasses import dataclass

from featx.cli.fields import option
from featx.cli.options import OneEncoderOptions
from featx.cli.output import end, out, print_json, say, tell_dataset


@dataclass(frozen=True, kw_only=True)
class EncodeOptions(OneEncoderOptions):
    """Options of `featx encode`."""

    tables: str | None = option(
        None,
        "Write ids, classes and features as Parquet tables to this folder or URL, too.",
        metavar="PLACE",
    )


def encode(options: EncodeOptions) -> None:
    """Train an encoder and cache the features of every image."""
    from featx.features import encode as encode_dataset
    from featx.features import export

    with options.progress() as progress:
        dataset = options.load(progress, need_labels=False)
        tell_dataset(dataset, options.quiet)
        encoded = encode_dataset(
            dataset,
            options.make_encoder(dataset),
            cache=options.cache(),
            name=options.encoder,
            progress=progress,
            **options.where,
        )
        tables = []
        if options.tables is not None:
            names = dataset.class_names
            tables = export(encoded, names, options.tables, progress=progress)
    features = encoded.to_dict()
    if options.as_json:
        head = {"encoder": options.encoder, "data": dataset.describe()}
        print_json(head | features | {"tables": tables})
    else:
        source = (
            "all from the cache"
            if all(encoded.cached.values())
            else f"trained in {encoded.encoder.train_seconds:.1f} s, "
            f"{encoded.n_encoded:,} encoded at {encoded.images_per_second:,.0f} images/s"
        )
        say(
            f"{options.encoder}: {len(dataset):,} images, "
            f"{features['n_features']:,} features each; {source}.",
            options.quiet,
        )
        for part, path in features["features"].items():
            out.print(f"{part:<9} {path}", soft_wrap=True)
        for path in tables:
            out.print(path, soft_wrap=True)
    end(options.strict, len(dataset.skipped))
