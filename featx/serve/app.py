"""The requests that are answered: the page, and an API."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from math import prod
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from featx._version import __version__
from featx.errors import FeatxError
from featx.images.files import check_channels
from featx.serve.answers import Answer, Answers
from featx.serve.batching import Batcher
from featx.serve.limits import RequestLimits
from featx.serve.refusals import Refused, too_slow
from featx.serve.room import Body, Room
from featx.serve.uploads import Upload, boundary_of, decode, parse_uploads

_PAGE = files("featx.serve") / "page"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_BATCH_VALUES = 2**26  # of pixels that are encoded at once, at most
_HELD_VALUES = 2**28  # of pixels that are decoded and wait, at most
_MOST_HELD = 1024  # images of these
_MOST_DECODERS = 4  # threads; each holds a whole image


class Service:
    """Names the classes of pictures that come by HTTP.

    Close it at the end.

    Parameters
    ----------
    answers : Answers
        What is said of images.
    name : str
        Of the model, for people.
    limits : RequestLimits
        What a request may ask for.
    batch_size : int, default=32
        Most images that are encoded together.

    Raises
    ------
    DataError
        If image files cannot be read as images of the model.
    """

    def __init__(
        self, answers: Answers, name: str, limits: RequestLimits, batch_size: int = 32
    ) -> None:
        shape = answers.model.image_shape
        check_channels(shape)
        black = np.zeros((1, *shape), np.uint8)
        answers.of(black)  # a model that cannot is refused now
        size = max(1, min(batch_size, _BATCH_VALUES // prod(shape)))
        self._answers, self._name, self._limits = answers, name, limits
        self._batcher = Batcher(answers.of, size)
        self._threads = ThreadPoolExecutor(min(_MOST_DECODERS, os.cpu_count() or 1))
        held = max(size, min(_MOST_HELD, _HELD_VALUES // prod(shape)))
        self._decoded = asyncio.Semaphore(held)
        self._room = Room(limits)
        parts = ("page.css", "page.js", "icon.svg")
        routes = [
            _file("/", "index.html"),
            *(_file(f"/{part}", part) for part in parts),
            Route("/health", self.health),
            Route("/model", self.model),
            Route("/openapi.json", _openapi()),
            Route("/predict", self.predict, methods=["POST"]),
        ]
        handlers: Any = {
            Refused: _refusal,
            HTTPException: _http_error,
            Exception: _failure,
        }
        self.app = Starlette(routes=routes, exception_handlers=handlers)
        self.app.router.redirect_slashes = False

    def close(self) -> None:
        """Finish what waits, and end the threads."""
        self._threads.shutdown(cancel_futures=True)
        self._batcher.close()

    async def health(self, _: Request) -> Response:
        """Say whether there will be answers, and how many there were."""
        document = {
            "status": "ok" if self._batcher.is_alive() else "failed",
            "images": self._batcher.n_images,
            "batches": self._batcher.n_batches,
        }
        return _json(document, 200 if self._batcher.is_alive() else 500)

    async def model(self, _: Request) -> Response:
        """Say what the model is, and what a request may ask for."""
        limits = vars(self._limits)
        about = self._answers.description()
        return _json(
            {"featx": __version__, "name": self._name, **about, "limits": limits}
        )

    async def predict(self, request: Request) -> Response:
        """Name the classes of the images of a request."""
        arrived = False
        try:
            async with asyncio.timeout(self._limits.seconds):
                boundary = boundary_of(request.headers.get("content-type", ""))
                with self._room.body() as body:
                    await _receive(request, body)
                    arrived = True
                    with self._room.request():
                        uploads = await self._in_thread(
                            parse_uploads, body.data, boundary, self._limits.images
                        )
                        body.data.clear()
                        images = await self._name_all(uploads)
        except TimeoutError as error:
            raise too_slow(arrived, self._limits.seconds) from error
        except asyncio.CancelledError as error:  # the server ends
            raise Refused(
                503,
                "Got no answer ready before the server ended, but expected one. Try again "
                "later.",
                retry=True,
            ) from error
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to get it
        none_read = all("skipped" in image for image in images)
        return _json({"images": images}, 422 if none_read else 200)

    async def _name_all(self, uploads: list[Upload]) -> list[Answer]:
        """Answer for each file, in their order."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._name_one(upload)) for upload in uploads]
        return [task.result() for task in tasks]

    async def _name_one(self, upload: Upload) -> Answer:
        model = self._answers.model
        async with self._decoded:
            pixels = await self._in_thread(
                decode,
                upload.data,
                model.image_shape,
                model.image_fit,
                self._limits.n_pixels,
            )
            if isinstance(pixels, str):
                return {"id": upload.name, "skipped": pixels}
            try:
                said = await asyncio.wrap_future(self._batcher.submit(pixels))
            except FeatxError as error:  # as of scores that are not finite
                return {"id": upload.name, "skipped": str(error)}
            return {"id": upload.name, **said}

    async def _in_thread(self, work: Any, *given: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, *given)


async def _receive(request: Request, body: Body) -> None:
    """Read the body of a request, as far as it may go."""
    told = request.headers.get("content-length", "")
    if told.isdecimal():
        body.check(int(told))
    async for chunk in request.stream():
        body.add(chunk)


def _json(document: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    text = json.dumps(document, allow_nan=False)  # ASCII: names may be no text
    return Response(text, status, headers, media_type="application/json")


def _file(path: str, name: str) -> Route:
    """Answer with a part of the page, which is read now; no path is opened later."""
    content = (_PAGE / name).read_bytes()
    kind = _TYPES[name.rpartition(".")[2]]

    async def send(_: Request) -> Response:
        return Response(content, media_type=kind)

    return Route(path, send)


def _openapi() -> Any:
    """Answer with the description of the API."""
    document = json.loads((_PAGE / "openapi.json").read_text(encoding="utf-8"))
    document["info"]["version"] = __version__

    async def send(_: Request) -> Response:
        return _json(document)

    return send


async def _refusal(_: Request, refused: Refused) -> Response:
    headers = {"retry-after": "1"} if refused.retry else {}
    return _json({"error": str(refused)}, refused.status, **headers)


async def _http_error(request: Request, error: HTTPException) -> Response:
    """Say that there is no such place or method."""
    place = f"{request.method} {request.scope['path'][:200]}"
    message = f"Got {place}, but expected what /openapi.json lists."
    return _json({"error": message}, error.status_code, **(error.headers or {}))


async def _failure(_: Request, error: Exception) -> Response:
    """Say that it is not the request's fault; who runs the server sees the traceback."""
    while isinstance(error, ExceptionGroup):  # of the images of a request
        error = error.exceptions[0]
    message = f"Got a {type(error).__name__} in featx, but expected none. Report it."
    return _json({"error": message}, 500)
