"""Where compiled kernels are kept, per platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlengine.kernels import cache


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DLENGINE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", "home/.cache/dlengine"),
        ("darwin", "home/Library/Caches/dlengine"),
        ("win32", "home/AppData/Local/dlengine"),
    ],
)
def test_platform_folder(platform: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache.cache_root() == Path(folder)


def test_variables_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "xdg")
    assert cache.cache_root() == Path("xdg/dlengine")
    monkeypatch.setenv("DLENGINE_CACHE", "mine")
    assert cache.cache_root() == Path("mine")
