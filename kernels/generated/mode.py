"""Whether generated code may answer: for the process by $DLENGINE_GENERATED, for a block by dlengine.recording.generating."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["off", "auto", "always"]

_FROM_ENVIRONMENT: dict[str, Mode] = {"0": "off", "1": "always"}
_default: Mode = _FROM_ENVIRONMENT.get(os.environ.get("DLENGINE_GENERATED", ""), "auto")
mode: ContextVar[Mode] = ContextVar("dlengine_generated", default=_default)
