"""What is answered, by a server in a process of its own."""

import io
import json
import re
import struct
import zlib
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from serving import picture

import featx
from featx.prediction import Limits, predict_files, similar_files
from featx.serve.app import Service, _failure


@pytest.fixture(scope="module")
def document(server):
    return server.ask("GET", "/openapi.json").document


@pytest.fixture
def checked(document):
    """Called with what was answered and the name of its schema."""

    def check(answer, name):
        schema = {"$ref": f"#/components/schemas/{name}"}
        schema["components"] = document["components"]
        Draft202012Validator(schema).validate(answer.document)
        return answer.document

    return check


@cache
def broken_files():
    """Files that are no images, or not whole, by name."""
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (64, 64, 3), np.uint8)
    eps = io.BytesIO()
    Image.fromarray(photo).save(eps, "EPS")
    return {
        "empty.png": b"",
        "text.jpg": b"no picture",
        "page.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "cut.jpg": picture(photo, "JPEG")[:500],
        "cut.png": picture(photo)[:500],
        "flipped.png": picture(photo)[:60] + b"\xff" * 40 + picture(photo)[100:],
        "bomb.png": bomb_png(),
        "runs.eps": eps.getvalue(),
        "nan.tif": nan_tiff(),
    }


def bomb_png():
    """A small file that says it has 900 million pixels."""
    small = picture(np.zeros((1, 1)))
    head = b"IHDR" + struct.pack(">2I", 30_000, 30_000) + small[24:29]
    return small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]


def nan_tiff():
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(stream, "TIFF")
    return stream.getvalue()


def test_it_says_what_predict_and_similar_say(server, saved, digits, tmp_path, checked):
    model = featx.load(saved)
    given = {
        f"{label}.png": content for label, content in digits.items()
    } | broken_files()
    paths = []
    for name, content in given.items():
        paths.append(str(tmp_path / name))
        (tmp_path / name).write_bytes(content)
    limits = Limits.of(model, 0.05, 0.01)
    (said,) = predict_files(model, paths, every_class=True, limits=limits)
    (near,) = similar_files(model, paths, 5)
    answer = server.predict(*given.items())
    assert answer.status == 200
    images = checked(answer, "Answers")["images"]
    assert [image["id"] for image in images] == list(given)
    named = [image for image in images if "skipped" not in image]
    assert [image["class"] for image in named] == said.names.tolist()
    assert [image["guess"] for image in named] == said.guesses.tolist()
    assert np.allclose([image["probability"] for image in named], said.confidence)
    assert np.allclose([image["likeness"] for image in named], said.likeness)
    found = [[one["id"] for one in image["similar"]] for image in named]
    assert found == [[one.id for one in ones] for ones in near.near]
    for image, row in zip(named, said.probabilities, strict=True):
        assert list(image["probabilities"]) == model.classes_.tolist()
        assert np.allclose(list(image["probabilities"].values()), row)
    reasons = [image["skipped"] for image in images if "skipped" in image]
    assert reasons == [skipped.reason for skipped in said.skipped]
    assert len(reasons) == len(broken_files())


def test_digits_get_their_names_and_noise_gets_none(server, digits):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    answer = server.predict(
        *[(str(n), digits[n]) for n in (0, 1)], ("x", picture(noise))
    )
    classes = [image["class"] for image in answer.document["images"]]
    assert classes == ["0", "1", "unknown"]
    assert answer.document["images"][2]["guess"] in "0123456789"


@pytest.mark.parametrize("name", sorted(broken_files()))
def test_what_is_no_image_is_told_and_ends_nothing(server, digits, name, checked):
    content = broken_files()[name]
    alone = server.predict((name, content))
    assert alone.status == 422
    (skipped,) = checked(alone, "Answers")["images"]
    assert skipped["id"] == name and "\n" not in skipped["skipped"]
    beside = server.predict((name, content), ("good.png", digits[7]))
    assert beside.status == 200
    assert beside.document["images"] == [skipped, beside.document["images"][1]]
    assert beside.document["images"][1]["class"] == "7"


def test_names_of_files_are_only_names(server, digits):
    names = ["../../etc/passwd", "/etc/passwd", "наблюдение.png", "", "a" * 2000]
    answer = server.predict(*[(name, digits[3]) for name in names])
    told = [image["id"] for image in answer.document["images"]]
    assert told == [name.encode().decode() for name in names]


def test_one_image_that_cannot_be_named_is_skipped_alone(saved):
    class Picky:
        model = featx.load(saved)

        def of(self, images):
            if (images == 9).any():
                raise featx.errors.DataError("Got nine.")
            return [{"class": "fine"} for _ in images]

    import asyncio

    from featx.serve.limits import RequestLimits
    from featx.serve.uploads import Upload

    service = Service(Picky(), "m", RequestLimits())
    pixels = [picture(np.full((8, 8), value)) for value in (1, 9, 2)]
    uploads = [Upload(str(n), content) for n, content in enumerate(pixels)]
    try:
        answers = asyncio.run(service._name_all(uploads))
    finally:
        service.close()
    assert answers == [
        {"id": "0", "class": "fine"},
        {"id": "1", "skipped": "Got nine."},
        {"id": "2", "class": "fine"},
    ]


def test_a_fault_among_images_is_told_by_its_name():
    import asyncio

    error = ExceptionGroup("of a request", [RuntimeError("CUDA"), ValueError()])
    answer = asyncio.run(_failure(None, error))
    assert answer.status_code == 500 and b"a RuntimeError in featx" in answer.body


def test_the_description_is_whole_and_true(server, document, checked):
    routes = {(path, method) for path, of in document["paths"].items() for method in of}
    for path, method in sorted(routes):
        asked = server.ask(method.upper(), path)
        assert asked.status not in (404, 405)
        assert str(asked.status) in document["paths"][path][method]["responses"]
    own = {route.path for route in _routes()} - {"/openapi.json"}
    assert {path for path, _ in routes} == {path for path in own if path[1:].isalpha()}
    assert document["info"]["version"] == featx.__version__
    health = checked(server.ask("GET", "/health"), "Health")
    assert health["status"] == "ok" and 0 < health["batches"] <= health["images"]
    about = checked(server.ask("GET", "/model"), "Model")
    assert about["classes"] == list("0123456789") and about["similar"] == 5
    assert about["limits"]["images"] == 80 and about["has_unknown"]
    references = set(re.findall(r'"#/([^"]+)"', json.dumps(document)))
    for reference in references:
        part = document
        for step in reference.split("/"):
            part = part[step]


def _routes():
    class Nothing:
        model = type("Nothing", (), {"image_shape": (1, 1, 1)})

        def of(self, images):
            return []

    from featx.serve.limits import RequestLimits

    service = Service(Nothing(), "", RequestLimits())
    service.close()
    return service.app.routes


def test_the_page_asks_for_nothing_foreign(server):
    page = server.ask("GET", "/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    policy = dict(
        part.strip().split(" ", 1)
        for part in page.headers["content-security-policy"].split(";")
    )
    assert policy.pop("img-src") == "'self' blob:"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    for part in (files("featx.serve") / "page").iterdir():
        text = part.read_text(encoding="utf-8").replace(
            "http://www.w3.org/2000/svg", ""
        )
        assert not re.search(r"//\w", text), part.name
    linked = re.findall(r'(?:href|src)="([^"]+)"', page.document.decode())
    assert len(linked) >= 3
    for part in linked:
        assert server.ask("GET", f"/{part}").status == 200


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/predict", "/page.js"])
def test_every_answer_is_guarded(server, path):
    headers = server.ask("GET", path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert not [name for name in headers if name.startswith("access-control")]
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        *("/../page/index.html", "/..%2f..%2fetc/passwd", "//etc/passwd", "/%00"),
        *("/page/page.css", "/app.py", "/docs", "/redoc", "/index.html", "/page.css/"),
    ],
)
def test_no_file_can_be_reached(server, path):
    answer = server.ask("GET", path)
    assert answer.status == 404
    assert list(answer.document) == ["error"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example:8000", 403),
        ("[", 403),
        ("", 403),
    ],
)
def test_only_own_names_are_answered_on_the_loopback(server, host, status, checked):
    answer = server.ask("GET", "/health", headers={"Host": host})
    assert answer.status == status
    checked(answer, "Health" if status == 200 else "Error")


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost:1", 415), ("https://evil.example", 403), ("null", 403)],
)
def test_pages_of_others_cannot_send_pictures(server, origin, status):
    assert server.ask("POST", "/predict", b"", {"Origin": origin}).status == status
