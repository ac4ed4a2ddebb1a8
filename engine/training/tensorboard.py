"""Event files that TensorBoard shows."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BackendUnavailable
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer


class TensorBoard(Callback):
    """Writes each epoch's row into an event file: loss/train, loss/validation, accuracy/train ..., lr.

    Needs tensorboardX or tensorboard. histograms: also the distribution of each parameter (tensorboardX only).
    """

    def __init__(self, folder: str | Path, histograms: bool = False) -> None:
        self.folder, self.histograms = Path(folder), histograms
        self._writer: Any = None
        if not find_spec("tensorboardX") and not find_spec("tensorboard"):
            raise BackendUnavailable("TensorBoard: tensorboardX is not installed nor tensorboard; mend: pip install tensorboardX")

    def on_fit_start(self, trainer: Trainer) -> None:
        # A killed run may have written past its checkpoint: what it wrote from here on is shown no more.
        self._writer = _open(self.folder, trainer.epoch + 1)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name == "epoch" or not isinstance(value, int | float):
                continue
            column = name.removeprefix("val_")
            place = "validation" if name != column else "train"
            self._writer.add_scalar(column if column in ("lr", "seconds") else f"{column}/{place}", value, epoch)
        if self.histograms:
            for name, p in trainer.model.named_parameters():
                self._writer.add_histogram(name, p.numpy_copy(), epoch)
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: an open file stays behind; the next fit opens one."""
        return {**self.__dict__, "_writer": None}


def _open(folder: Path, step: int) -> Any:
    if find_spec("tensorboardX"):
        from tensorboardX import SummaryWriter

        return SummaryWriter(str(folder), purge_step=step)
    return _EventWriter(folder, step)


class _EventWriter:
    """The tensorboard package's own writer, with the methods of tensorboardX that are used here."""

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event, self._summary = Event, Summary
        self._writer = EventFileWriter(str(folder))
        self._writer.add_event(Event(step=step, session_log=SessionLog(status=SessionLog.START)))

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        import time

        summary = self._summary(value=[self._summary.Value(tag=tag, simple_value=value)])
        self._writer.add_event(self._event(wall_time=time.time(), step=step, summary=summary))

    def add_histogram(self, tag: str, values: Any, step: int) -> None:
        raise BackendUnavailable("TensorBoard: histograms need tensorboardX; mend: pip install tensorboardX")

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
