"""A pytest plugin for a short time on a card: failures show as they come; a test that hangs or loses the card ends its process.

pytest -n starts another process then, and the tests that follow have a card again. By itself pytest shows failures at the end,
which a run that is stopped never reaches, and after one illegal address all later tests of the process fail.
"""

from __future__ import annotations

import faulthandler
import os
from typing import Any

from dlengine.kernels.cuda.machine.choice import is_fatal

SECONDS = 30.0
"""That a test may take."""

_errors = os.fdopen(os.dup(2), "w")  # before pytest captures what is written there


def pytest_configure(config: Any) -> None:
    config.pluginmanager.register(_Process() if hasattr(config, "workerinput") else _Shown(config))


class _Process:
    """Ends this process, one of pytest -n, with all that it is at."""

    def pytest_runtest_logstart(self) -> None:
        """If a test takes too long."""
        faulthandler.dump_traceback_later(SECONDS, exit=True, file=_errors)

    def pytest_runtest_logfinish(self) -> None:
        faulthandler.cancel_dump_traceback_later()

    def pytest_exception_interact(self, node: Any, call: Any) -> None:
        """After an error that leaves it without a card."""
        if call.excinfo is not None and is_fatal(call.excinfo.value):
            print(f"\n{node.nodeid}: the card is lost: {call.excinfo.value}", file=_errors, flush=True)
            os._exit(1)


class _Shown:
    """Shows each failure at once."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: Any) -> None:
        terminal: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(f"{report.nodeid}\n{report.longreprtext[-2000:]}", flush=True)
