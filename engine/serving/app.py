"""The service as a WSGI application, and the server that runs it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from ..data.readers import Samples
from ..errors import BackendUnavailable, ConfigError, DLEngineError
from ..fitting import Bundle
from .batching import Batcher, Busy
from .inputs import of_files, of_json, upload
from .metrics import Metrics
from .settings import Settings

PAGE = {"/": ("page.html", "text/html"), "/page.css": ("page.css", "text/css"), "/page.js": ("page.js", "text/javascript")}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
log = logging.getLogger(__name__)


def application(bundle: Bundle, settings: Settings | None = None) -> Any:
    """The service of a bundle as a WSGI application.

    Parameters
    ----------
    bundle : Bundle
        The model.
    settings : Settings, optional
        The limits.

    Returns
    -------
    flask.Flask
        The application; its ``extensions["dlengine"]`` is the batcher.

    Raises
    ------
    BackendUnavailable
        If flask is not installed.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 60)[:, None]
    >>> app = dl.serving.application(dl.fit(x, x[:, 0] > 0, progress=False))
    >>> answer = app.test_client().post("/predict", json={"inputs": [[0.9]]})
    >>> answer.json["predictions"][0]["prediction"]
    'True'
    >>> app.extensions["dlengine"].close()
    """
    try:
        from flask import Flask, Response, request
        from werkzeug.exceptions import HTTPException
    except ImportError:
        raise BackendUnavailable("the service needs flask, which is not installed; mend: pip install flask waitress") from None

    limits = settings or Settings()
    app, metrics = Flask("dlengine", static_folder=None), Metrics()
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = limits.most_bytes
    app.config["MAX_FORM_PARTS"] = limits.most_inputs + 10
    if limits.host in LOOPBACK:
        app.config["TRUSTED_HOSTS"] = list(LOOPBACK)  # a page of another site cannot reach it under a name of its own
    batcher = Batcher(bundle, limits, metrics)
    app.extensions["dlengine"] = batcher

    def answer(content: Any, status: int = 200) -> Response:
        return Response(json.dumps(content, ensure_ascii=False, allow_nan=False), status, mimetype="application/json")

    def predict() -> Response:
        if request.mimetype == "multipart/form-data":
            uploads = [upload(file) for _, file in request.files.items(multi=True) if file.filename]
            samples: Samples | None = of_files(bundle, uploads, limits.most_inputs)
        elif request.mimetype == "application/json":
            try:
                body = json.loads(request.get_data())
            except (ValueError, RecursionError) as error:
                return answer({"error": f"not JSON: {_line(error)}"}, 400)
            samples = of_json(bundle, body, limits.most_inputs)
        else:
            return answer({"error": "expected application/json or multipart/form-data"}, 415)
        return answer({"predictions": [p.as_dict() for p in batcher.predict(samples)]})

    pages = {path: (files("dlengine.serving").joinpath("page", name).read_bytes(), kind) for path, (name, kind) in PAGE.items()}
    routes: dict[str, Callable[[], Response]] = {
        "/health": lambda: answer({"status": "ok", "model": repr(bundle)}, 200 if batcher.thread.is_alive() else 503),
        "/model": lambda: answer(describe(bundle)),
        "/metrics": lambda: Response(metrics.text(), mimetype="text/plain"),
        **{path: (lambda c=content, k=kind: Response(c, mimetype=k)) for path, (content, kind) in pages.items()},  # type: ignore[misc]
    }
    for path, view in routes.items():
        app.add_url_rule(path, path, view)
    app.add_url_rule("/predict", "/predict", predict, methods=["POST"])

    def failed(error: Exception) -> Response:
        if isinstance(error, Busy):
            found = answer({"error": _line(error)}, 503)
            found.headers["Retry-After"] = "1"
            return found
        if isinstance(error, DLEngineError):
            return answer({"error": _line(error)}, 400)
        if isinstance(error, HTTPException):
            what = f"the request is larger than {limits.most_bytes:,} bytes" if error.code == 413 else error.description
            return answer({"error": what}, error.code or 500)
        log.exception("a request failed")
        return answer({"error": "the service failed; its log says why"}, 500)

    app.register_error_handler(Exception, failed)
    served: Any = app
    served.wsgi_app = _Counted(app.wsgi_app, metrics, {*routes, "/predict"})
    return app


class _Counted:
    """A WSGI application whose requests are counted and timed, and whose answers get the headers for browsers."""

    def __init__(self, inner: Any, metrics: Metrics, paths: set[str]) -> None:
        self.inner, self.metrics, self.paths = inner, metrics, paths

    def __call__(self, environment: dict[str, Any], start: Any) -> Any:
        begun, path = time.perf_counter(), environment.get("PATH_INFO", "")

        def counted(status: str, headers: list[tuple[str, str]], info: Any = None) -> Any:
            seconds = time.perf_counter() - begun
            self.metrics.request(path if path in self.paths else "other", int(status[:3]), seconds)
            return start(status, [*headers, *HEADERS.items()], info)

        return self.inner(environment, counted)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


def describe(bundle: Bundle) -> dict[str, Any]:
    """What a bundle predicts, from what, and how well, for JSON."""
    settings = bundle.encoder.settings
    found: dict[str, Any] = {
        "task": bundle.task, "inputs": bundle.encoder.kind, "classes": list(bundle.classes),
        "report": str(bundle.report).splitlines(),
    }  # fmt: skip
    if bundle.encoder.kind == "table":
        found["columns"] = [
            {"name": c["name"], "kind": c["kind"], **({"values": c["levels"]} if "levels" in c else {})}
            for c in settings["columns"]
        ]
    return found


def serve(bundle: Bundle, settings: Settings | None = None, ready: Callable[[str], None] | None = None) -> None:
    """Serve a bundle by HTTP until the process is interrupted.

    Parameters
    ----------
    bundle : Bundle
        The model.
    settings : Settings, optional
        Where to listen, and the limits.
    ready : callable, optional
        Called with the address when the service listens.

    Raises
    ------
    BackendUnavailable
        If flask or waitress is not installed.
    ConfigError
        If the address cannot be used.

    Examples
    --------
    >>> bundle = dl.fit(np.linspace(-1, 1, 60)[:, None], np.arange(60) > 30, progress=False)
    >>> dl.serving.serve(bundle, dl.serving.Settings(host="no.such.host.invalid"))
    Traceback (most recent call last):
    dlengine.errors.ConfigError: cannot listen at no.such.host.invalid port 8000: ...
    """
    try:
        from waitress.server import create_server
    except ImportError:
        raise BackendUnavailable("the service needs waitress, which is not installed; mend: pip install flask waitress") from None

    limits = settings or Settings()
    app = application(bundle, limits)
    batcher: Batcher = app.extensions["dlengine"]
    try:
        try:
            server: Any = create_server(
                app, host=limits.host, port=limits.port, threads=limits.threads, connection_limit=limits.waiting,
                max_request_body_size=2 * limits.most_bytes, channel_timeout=int(limits.seconds), ident="dlengine",
                clear_untrusted_proxy_headers=True,
            )  # fmt: skip
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(f"cannot listen at {limits.host} port {limits.port}: {_line(error)}") from None
        if ready is not None:
            ready(f"http://{limits.host}:{server.effective_port}")
        server.run()
    finally:
        batcher.close()
