"""An HTTP service for a bundle: ``dlengine serve BUNDLE``. It needs flask and waitress (``pip install flask waitress``).

    POST /predict    JSON {"inputs": [...]} or files of a form -> {"predictions": [...]}
    GET  /           a page to try it in a browser
    GET  /model      what it predicts, from what, and how well
    GET  /health     whether it answers
    GET  /metrics    counts and times, in the text format of Prometheus

``application(dl.load("photos.safetensors"))`` is the WSGI application, for another server.
"""

from __future__ import annotations

from .app import application, serve
from .settings import Settings

__all__ = ["Settings", "application", "serve"]
