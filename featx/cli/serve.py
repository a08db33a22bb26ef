"""The command `featx serve`."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass

from featx.cli.fields import argument, option
from featx.cli.output import say
from featx.cli.unknown import UnknownOptions
from featx.errors import missing_library


@dataclass(frozen=True, kw_only=True)
class ServeOptions(UnknownOptions):
    """Options of `featx serve`."""

    model: str = argument("A model that 'featx fit --save' wrote.")
    host: str = option(
        "127.0.0.1",
        "The address that is listened at: that of this machine alone, or 0.0.0.0 for "
        "whoever reaches this machine. There is no password.",
    )
    port: int = option(8000, "The port; 0 for any that is free.", min=0, max=65535)
    allow_host: list[str] | None = option(
        None,
        "A name that browsers may call the server by, such as that of a proxy before it; "
        "repeat it for several. On 127.0.0.1 all but localhost are refused otherwise.",
        metavar="NAME",
    )
    k: int = option(5, "How many similar training images are listed.", "-k", min=0)
    max_megabytes: float = option(32.0, "Most megabytes of a request.")
    max_megapixels: float = option(64.0, "Most million pixels of an image.")
    max_images: int = option(64, "Most images of a request.")
    max_requests: int = option(64, "Most requests that are worked on at once.")
    timeout: float = option(30.0, "Most seconds of a request.", metavar="SECONDS")
    batch_size: int = option(32, "Most images that are encoded together.", min=1)
    device: str = option(
        "auto", "Where the encoder runs: auto, cpu, cuda, cuda:1 or mps."
    )
    quiet: bool = option(False, "Do not say the address.", "--quiet", "-q")


def serve(options: ServeOptions) -> None:
    """Name the classes of pictures on a page, and for programs by HTTP.

    The page takes pictures that are dropped, pasted, chosen or photographed. Programs send
    them to /predict, as in 'curl -F images=@photo.jpg URL/predict'; /openapi.json describes
    that. Ctrl-C ends it.
    """
    from featx.bundle import load
    from featx.prediction import use_device

    try:
        from featx.serve import Answers, RequestLimits, Service, listen, run, url_of
    except ModuleNotFoundError as error:
        need = "'featx serve' needs a web server"
        raise missing_library(need, error, "featx[serve]") from error
    limits = RequestLimits(
        megabytes=options.max_megabytes,
        megapixels=options.max_megapixels,
        images=options.max_images,
        requests=options.max_requests,
        seconds=options.timeout,
    )
    model = load(options.model)
    use_device(model, options.device)
    answers = Answers(model, options.limits(model), options.k)
    name = os.path.basename(options.model)
    with (
        listen(options.host, options.port) as opened,
        closing(Service(answers, name, limits, options.batch_size)) as service,
    ):
        say(f"featx: {name} at {url_of(opened)}", options.quiet)
        run(service, opened, limits, options.allow_host or ())
