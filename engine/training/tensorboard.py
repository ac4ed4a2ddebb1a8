"""TensorBoard: a callback that writes event files for TensorBoard."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import BackendUnavailable
from .callback import Callback, TrainerView

if TYPE_CHECKING:
    from numpy.typing import NDArray


class EventWriter(Protocol):
    """The methods of a writer of event files, with the names of tensorboardX."""

    def add_scalar(self, tag: str, value: float, step: int) -> None: ...
    def add_histogram(self, tag: str, values: NDArray[Any], step: int) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class TensorBoard(Callback):
    """Write the row of each epoch to an event file: loss/train, loss/validation, accuracy/train, ..., lr.

    One of the packages tensorboardX and tensorboard must be installed.

    Parameters
    ----------
    folder : str or Path
        The folder of the event file.
    histograms : bool
        Also write the distribution of each parameter; needs tensorboardX.

    Raises
    ------
    BackendUnavailable
        If neither package is installed.

    Examples
    --------
    >>> from importlib.util import find_spec
    >>> if find_spec("tensorboardX") or find_spec("tensorboard"):
    ...     callbacks = [dl.training.TensorBoard("events")]
    """

    first_rank_only = True

    def __init__(self, folder: str | Path, histograms: bool = False) -> None:
        self.folder, self.histograms = Path(folder), histograms
        self._writer: Any = None
        if not find_spec("tensorboardX") and not find_spec("tensorboard"):
            raise BackendUnavailable("TensorBoard: tensorboardX is not installed nor tensorboard; mend: pip install tensorboardX")

    def on_fit_start(self, trainer: TrainerView) -> None:
        # A killed run may have written epochs after its checkpoint: from this epoch on, its entries are no longer shown.
        self._writer = _open(self.folder, trainer.epoch + 1)

    def on_epoch_end(self, trainer: TrainerView, row: dict[str, float]) -> None:
        writer: EventWriter = self._writer
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name == "epoch" or not isinstance(value, int | float):
                continue
            column = name.removeprefix("val_")
            place = "validation" if name != column else "train"
            writer.add_scalar(column if column in ("lr", "seconds") else f"{column}/{place}", value, epoch)
        if self.histograms:
            for name, p in trainer.model.named_parameters():
                writer.add_histogram(name, p.numpy_copy(), epoch)
        writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __getstate__(self) -> dict[str, Any]:
        """The state for copies and pickles, without the open file; the next fit opens one."""
        return {**self.__dict__, "_writer": None}


def _open(folder: Path, step: int) -> EventWriter:
    """A writer of event files that begins at an epoch."""
    if find_spec("tensorboardX"):
        from tensorboardX import SummaryWriter

        summary_writer: Any = SummaryWriter  # its hints give the arguments other names
        writer: EventWriter = summary_writer(str(folder), purge_step=step)
        return writer
    return _EventWriter(folder, step)


class _EventWriter:
    """The writer of the tensorboard package, with the methods of tensorboardX."""

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

    def add_histogram(self, tag: str, values: NDArray[Any], step: int) -> None:
        raise BackendUnavailable("TensorBoard: histograms need tensorboardX; mend: pip install tensorboardX")

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
