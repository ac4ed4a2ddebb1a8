"""The service: right answers to files and JSON, one clear error for anything else, limits, metrics, and 500 requests at once."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import own_data as own
import pytest

import dlengine as dl
from dlengine import fitting

pytest.importorskip("flask")
pytest.importorskip("waitress")

from dlengine.serving import Settings, application  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
ROWS = [{"a": float(a), "b": float(b), "colour": ("red", "blue")[k % 2]} for k, (a, b) in enumerate(X)]


def table_model() -> fitting.Bundle:
    frame = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    return dl.fit(frame, np.where(X[:, 0] > X[:, 1], "left", "right"), progress=False)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dl.use_backend("numpy"):
        app = application(table_model(), Settings(most_bytes=20_000, most_inputs=50))
        yield app.test_client()
        app.extensions["dlengine"].close()


def test_rows_by_json_and_by_file(client: Any, tmp_path: Path) -> None:
    with dl.use_backend("numpy"):
        expected = [p.as_dict() for p in table_model().predict(ROWS[:10])]
    found = client.post("/predict", json={"inputs": ROWS[:10]}).json["predictions"]
    assert [p["prediction"] for p in found] == [p["prediction"] for p in expected]
    assert found[0]["probabilities"] == pytest.approx(expected[0]["probabilities"], abs=1e-5)
    path = own.rows_file(tmp_path / "rows.csv", ["a", "b", "colour"], [list(r.values()) for r in ROWS[:10]])
    again = client.post("/predict", data={"file": (io.BytesIO(path.read_bytes()), "mine.csv")}).json["predictions"]
    assert [p["prediction"] for p in again] == [p["prediction"] for p in expected]
    assert again[0]["input"] == "mine.csv: line 2"


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"data": b"{", "content_type": "application/json"}, 400, "not JSON"),
    ({"data": b"[" * 15_000, "content_type": "application/json"}, 400, "not JSON"),
    ({"data": b"\xff\xfe\x00", "content_type": "application/json"}, 400, "not JSON"),
    ({"json": [1, 2]}, 400, 'an object with the key "inputs"'),
    ({"json": {"inputs": 3}}, 400, '"inputs" must be a list'),
    ({"json": {"inputs": []}}, 400, '"inputs" is empty'),
    ({"json": {"inputs": [1]}}, 400, "expected rows"),
    ({"json": {"inputs": [{"a": 1}]}}, 400, "missing columns: 'b', 'colour'"),
    ({"json": {"inputs": [{"a": "x", "b": 1, "colour": "red"}]}}, 400, "row 0: 'a' must be a number, got 'x'"),
    ({"json": {"inputs": ROWS[:1] * 51}}, 400, "51 inputs, of which at most 50"),
    ({"data": b"x" * 30_000, "content_type": "application/json"}, 413, "larger than 20,000 bytes"),
    ({"data": b"text", "content_type": "text/plain"}, 415, "expected application/json"),
    ({"data": {}, "content_type": "multipart/form-data"}, 400, "no file"),
    ({"data": {"file": (io.BytesIO(b""), "a.csv")}}, 400, "a.csv: the file is empty"),
    ({"data": {"file": (io.BytesIO(b"a,b\n1,2\n"), "../../a.csv")}}, 400, "a.csv: missing columns"),
    ({"data": {"file": (io.BytesIO(b"\0\1"), "a.csv")}}, 400, "a.csv: "),
]


@pytest.mark.parametrize(("request_", "status", "words"), BAD, ids=[str(k) for k in range(len(BAD))])
def test_bad_input_gets_one_clear_error(client: Any, request_: dict[str, Any], status: int, words: str) -> None:
    answer = client.post("/predict", **request_)
    assert answer.status_code == status
    assert words in answer.json["error"]
    assert "\n" not in answer.json["error"]
    assert "/tmp" not in answer.json["error"]


def test_the_other_paths(client: Any) -> None:
    assert client.get("/health").json["status"] == "ok"
    model = client.get("/model").json
    assert model["classes"] == ["left", "right"]
    assert [c["name"] for c in model["columns"]] == ["a", "b", "colour"]
    assert client.get("/nothing").status_code == 404
    assert client.get("/predict").status_code == 405
    assert client.get("/health", headers={"Host": "elsewhere.example"}).status_code == 400
    page = client.get("/")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert client.get(path).status_code == 200
    metrics = client.get("/metrics").text
    assert re.search(r'dlengine_requests_total\{path="/nothing"', metrics) is None
    assert re.search(r'dlengine_requests_total\{path="other",status="404"\} [1-9]', metrics)
    assert re.search(r"dlengine_predictions_total \d+", metrics)


def test_images_texts_and_series() -> None:
    with dl.use_backend("numpy"):
        t = np.arange(150)
        forecast = dl.fit(np.sin(t / 2) + 0.01 * t, progress=False)
        texts = dl.fit([f"a {'good bad'.split()[k % 2]} day {k}" for k in range(60)], ["up", "down"] * 30, progress=False)
        images, labels = (a[:150] for a in dl.data.digits().arrays)
        digits = dl.fit((images * 255).astype(np.uint8), labels, time=3, progress=False)
        png = io.BytesIO()
        from PIL import Image

        Image.fromarray((images[0, 0] * 255).astype(np.uint8)).save(png, "PNG")
        for model, good, bad in (
            (forecast, [None, np.sin(t / 2).tolist()], [[1.0], "x", [[1]]]),
            (texts, [["a good day"], "a bad day"], [[1], [["x"]]]),
            (
                digits,
                [[base64.b64encode(png.getvalue()).decode()], (images[:3, 0] * 255).tolist()],
                [["no base64!"], [[[1, 2], [3]]], [{}]],
            ),
        ):
            app = application(model, Settings())
            with app.test_client() as client:
                for inputs in good:
                    answer = client.post("/predict", json={"inputs": inputs})
                    assert answer.status_code == 200, answer.json
                    assert answer.json["predictions"]
                for inputs in bad:
                    answer = client.post("/predict", json={"inputs": inputs})
                    assert answer.status_code == 400, (model, inputs, answer.json)
            app.extensions["dlengine"].close()


def test_waiting_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    with dl.use_backend("numpy"):
        model = table_model()
        go = threading.Event()
        ask = model.predict
        monkeypatch.setattr(model, "predict", lambda source=None: (go.wait(20), ask(source))[1])
        app = application(model, Settings(seconds=0.3, waiting=1, batch=1))
        answers = [app.test_client().post("/predict", json={"inputs": ROWS[:1]}) for _ in range(3)]
        assert {a.status_code for a in answers} == {503}
        assert {a.headers["Retry-After"] for a in answers} == {"1"}
        go.set()
        app.extensions["dlengine"].close()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A service in a process of its own."""
    with dl.use_backend("numpy"):
        table_model().save(tmp_path / "model.safetensors")
    command = [
        sys.executable,
        "-u",
        "-m",
        "dlengine.cli",
        "serve",
        str(tmp_path / "model.safetensors"),
        "--port",
        "0",
        "--max-mb",
        "1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        yield found.group(), process.pid
    finally:
        process.terminate()
        process.communicate(timeout=30)


def ask(url: str, body: bytes, kind: str = "application/json") -> tuple[int, Any]:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_five_hundred_requests_at_once(address: tuple[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, pid = address
    model = dl.load(tmp_path / "model.safetensors")
    expected = [p.value for p in model.predict(ROWS)]
    bodies: list[tuple[bytes, str, int]] = []
    for k in range(500):
        row = json.dumps({"inputs": [ROWS[k % 120]]}).encode()
        if k % 10 == 7:
            bodies.append((row[: len(row) // 2], "application/json", 400))
        elif k % 25 == 3:
            bodies.append((b"x" * 1_500_000, "application/json", 413))
        elif k % 25 == 4:
            bodies.append((b"--b\r\nbroken", "multipart/form-data; boundary=b", 400))
        else:
            bodies.append((row, "application/json", 200))

    def one(k: int) -> tuple[int, Any]:
        body, kind, _ = bodies[k]
        return ask(f"{url}/predict", body, kind)

    memory = []
    with ThreadPoolExecutor(100) as pool:
        for turn in range(4):
            start = time.perf_counter()
            found = list(pool.map(one, range(500)))
            seconds = time.perf_counter() - start
            memory.append(resident(pid))
            for k, (status, answer) in enumerate(found):
                assert status == bodies[k][2], (k, status, answer)
                if status == 200:
                    assert answer["predictions"][0]["prediction"] == expected[k % 120]
            with capsys.disabled():
                print(f"\nturn {turn}: {500 / seconds:.0f} requests a second, {memory[-1] / 2**20:.0f} MiB")
    assert memory[-1] < memory[0] + 30 * 2**20
    assert ask(f"{url}/predict", json.dumps({"inputs": ROWS[:2]}).encode())[0] == 200
