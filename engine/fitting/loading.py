"""``load``: a bundle from its file."""

from __future__ import annotations

from pathlib import Path

from ..data.readers.samples import FORECASTING, GENERATION, TASKS
from ..errors import CheckpointError
from ..io import load as load_state
from ..io import reading
from .bundle import FILE, FORMAT, VERSION, Bundle
from .encoding import encoder_class
from .forecaster import Forecaster
from .likeness import Likeness
from .networks import network
from .report import Report
from .writer import Writer


def load(path: str | Path) -> Bundle:
    """Load a bundle, a file of JSON and weights: nothing in it is run.

    Parameters
    ----------
    path : str or Path
        The file, or the folder that ``dlengine fit`` wrote.

    Returns
    -------
    Bundle
        The bundle.

    Raises
    ------
    CheckpointError
        If it is missing, damaged or no bundle.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 60)[:, None]
    >>> path = dl.fit(x, x[:, 0] > 0, progress=False).save("sign.safetensors")
    >>> dl.load(path).predict([[-0.9]])[0].value
    'False'
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    state = load_state(path)
    if state.get("bundle") != FORMAT:
        raise CheckpointError(f"{path}: no bundle of `dlengine fit`; dl.io.load reads checkpoints")
    if state.get("version") != VERSION:
        raise CheckpointError(f"{path}: version {state.get('version')} of bundles; this dlengine reads {VERSION}")
    with reading(path, CheckpointError, "fit the model anew", what="not a bundle"):
        report = Report.from_dict(state["report"])
        if report.task not in TASKS:
            raise CheckpointError(f"{path}: unknown task {report.task!r}")
        encoder = encoder_class(state["encoder"]["kind"])(state["encoder"]["settings"])
        choice = str(state["network"]["name"]), state["network"]["settings"]
        model = network(*choice)
        model.load_state_dict(state["weights"])
        likeness = None if state["likeness"] is None else Likeness.from_state(state["likeness"])
        maker = {FORECASTING: Forecaster, GENERATION: Writer}.get(report.task, Bundle)
        return maker(encoder, choice, model.eval(), report, state["settings"], likeness)
