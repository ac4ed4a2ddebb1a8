"""The encoder for each kind of samples."""

from __future__ import annotations

from ..data.readers import Samples
from ..errors import CheckpointError
from .encode_images import ImageEncoder
from .encode_series import SeriesEncoder
from .encode_sounds import SoundEncoder
from .encode_table import TableEncoder
from .encode_text import CharacterEncoder
from .encode_texts import TextEncoder
from .encoders import Encoder

_KINDS = (ImageEncoder, SeriesEncoder, SoundEncoder, TableEncoder, TextEncoder, CharacterEncoder)
ENCODERS: dict[str, type[Encoder]] = {c.kind: c for c in _KINDS}


def encoder_class(kind: str) -> type[Encoder]:
    """The encoder for a kind of samples. Raises CheckpointError for another kind."""
    if kind not in ENCODERS:
        raise CheckpointError(f"no encoder for {kind!r}; known: {', '.join(ENCODERS)}")
    return ENCODERS[kind]


def encoder_for(samples: Samples) -> Encoder:
    """The encoder for the kind of some training samples, fitted on them.

    Parameters
    ----------
    samples : Samples
        The training part.

    Returns
    -------
    Encoder
        The fitted encoder.

    Examples
    --------
    >>> encoder = dl.fitting.encoder_for(dl.data.samples_of_arrays(["good", "bad"] * 3, [1, 0] * 3))
    >>> encoder.kind
    'texts'
    """
    return encoder_class(samples.kind).fitted(samples)
