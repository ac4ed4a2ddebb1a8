"""Layers that multiply by a matrix or look up its rows, and layers that only reshape."""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Any, Self

from ..autograd.base import no_grad
from ..errors import ConfigError, ShapeError
from ..ops.creation import zeros
from ..ops.einsum import einsum
from ..ops.elementwise import where
from ..ops.embedding import embedding
from ..ops.linalg import linear
from ..ops.norms import vector_norm
from ..ops.shape import reshape
from . import init
from .module import Module, Parameter, in_dtype_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..typing import DTypeLike


def require_positive(layer: str, **sizes: object) -> None:
    """Check that sizes are integers of at least 1."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{layer}: {name} must be an integer of at least 1, got {value!r}")


class Linear(Module):
    """Affine map of the last axis: ``y = x W^T + b``.

    Shape: x (..., I) -> (..., O).

    Parameters
    ----------
    in_features : int
        I, the size of the last axis of the input.
    out_features : int
        O, the size of the last axis of the output.
    bias : bool
        Whether a bias is added.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        W, shape (O,I), drawn from U(-1/sqrt(I), 1/sqrt(I)).
    bias : Parameter or None
        b, shape (O,), drawn like ``weight``.

    References
    ----------
    Rosenblatt, "The perceptron", 1958; Rumelhart, Hinton and Williams, 1986.

    Examples
    --------
    >>> layer = dl.nn.Linear(3, 2)
    >>> layer(dl.ones((5, 3))).shape, layer.weight.shape
    ((5, 2), (2, 3))
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, device: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        require_positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(zeros((out_features, in_features), device=device, dtype=dtype))
        self.bias = Parameter(zeros((out_features,), device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values from U(-1/sqrt(I), 1/sqrt(I))."""
        bound = 1.0 / sqrt(self.in_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 1 or x.shape[-1] != self.in_features:
            raise ShapeError(f"Linear: input must be (..., I) with I={self.in_features}, got shape {x.shape}")
        return linear(in_dtype_of(self.weight, x), self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """Bilinear map of two inputs: ``y[o] = x1^T W[o] x2 + b[o]``.

    Shape: x1 (..., I1) and x2 (..., I2) -> (..., O).

    Parameters
    ----------
    in1_features : int
        I1, the size of the last axis of the first input.
    in2_features : int
        I2, the size of the last axis of the second input.
    out_features : int
        O, the size of the last axis of the output.
    bias : bool
        Whether a bias is added.
    device : str or None
        Where the parameters live; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameters; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        W, shape (O,I1,I2), drawn from U(-1/sqrt(I1), 1/sqrt(I1)).
    bias : Parameter or None
        b, shape (O,), drawn like ``weight``.

    References
    ----------
    Tenenbaum and Freeman, "Separating style and content with bilinear models", 2000.

    Examples
    --------
    >>> dl.nn.Bilinear(3, 4, 2)(dl.ones((5, 3)), dl.ones((5, 4))).shape
    (5, 2)
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, *, device: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        require_positive("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(zeros((out_features, in1_features, in2_features), device=device, dtype=dtype))
        self.bias = Parameter(zeros((out_features,), device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values from U(-1/sqrt(I1), 1/sqrt(I1))."""
        bound = 1.0 / sqrt(self.in1_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        if x1.shape != (*x2.shape[:-1], self.in1_features) or x2.shape[-1] != self.in2_features:
            wanted = f"(..., I1) and (..., I2) with I1={self.in1_features}, I2={self.in2_features}"
            raise ShapeError(f"Bilinear: inputs must be {wanted}, got {x1.shape} and {x2.shape}")
        weight = self.weight
        y = einsum("...i,oij,...j->...o", in_dtype_of(weight, x1), weight, in_dtype_of(weight, x2))
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"{self.in1_features}, {self.in2_features}, {self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """Table of vectors that are looked up by integers.

    Shape: x (...) of integers from 0 to V - 1 -> (..., D).

    Parameters
    ----------
    num_embeddings : int
        V, the number of vectors.
    embedding_dim : int
        D, the size of a vector.
    padding_idx : int or None
        A row that starts as zeros and gets no gradient; None for no such row.
    max_norm : float or None
        A positive bound. Rows that are looked up and have a larger norm are first scaled down to it, in the table
        itself. None leaves all rows as they are.
    norm_type : float
        The order of that norm: 2, 1, any p > 0 or infinity.
    device : str or None
        Where the parameter lives; None is the default device.
    dtype : DTypeLike or None
        A floating dtype of the parameter; None is the default dtype.

    Attributes
    ----------
    weight : Parameter
        The table, shape (V,D), drawn from N(0, 1).

    Raises
    ------
    ConfigError
        A size, a bound or ``padding_idx`` is out of range.

    References
    ----------
    Bengio, Ducharme, Vincent and Jauvin, "A neural probabilistic language model", 2003.

    Examples
    --------
    >>> table = dl.nn.Embedding(10, 3, padding_idx=0)
    >>> table(dl.asarray([4, 2, 0])).shape
    (3, 3)
    >>> table(dl.asarray(0)).tolist()
    [0.0, 0.0, 0.0]
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, *, device: str | None = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if (max_norm is not None and not max_norm > 0) or not norm_type > 0:
            raise ConfigError(f"Embedding: max_norm and norm_type must be positive, got {max_norm} and {norm_type}")
        self.max_norm, self.norm_type = max_norm, norm_type
        require_positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ConfigError(f"Embedding: padding_idx={padding_idx} is not a row of a table with V={num_embeddings}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(zeros((num_embeddings, embedding_dim), device=device, dtype=dtype))
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, **settings: Any,
    ) -> Self:  # fmt: skip
        """Make a table of given vectors.

        Parameters
        ----------
        embeddings : Tensor
            The table, shape (V,D), floating. The memory is shared, not copied.
        freeze : bool
            Whether the table is kept as it is: it gets no gradient.
        padding_idx : int or None
            A row that gets no gradient; its values stay.
        max_norm : float or None
            As in the constructor.
        norm_type : float
            As in the constructor.
        **settings : object
            Other settings of the constructor.

        Returns
        -------
        Embedding
            The layer.

        Raises
        ------
        ShapeError
            ``embeddings`` is no matrix.

        Examples
        --------
        >>> table = dl.nn.Embedding.from_pretrained(dl.asarray([[1.0, 2.0], [3.0, 4.0]]))
        >>> table(dl.asarray([1])).tolist(), table.weight.requires_grad
        ([[3.0, 4.0]], False)
        """
        if embeddings.ndim != 2:
            raise ShapeError(f"{cls.__name__}.from_pretrained: embeddings must be (V,D), got shape {embeddings.shape}")
        rows, size = embeddings.shape
        made = cls(rows, size, padding_idx=padding_idx, max_norm=max_norm, norm_type=norm_type, **settings)
        made.weight = Parameter(embeddings.detach(), requires_grad=not freeze)
        return made

    def reset_parameters(self) -> None:
        """Draw new initial values from N(0, 1), with zeros at ``padding_idx``."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx, ...] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        if self.max_norm is not None:
            self._renormalize(x, self.max_norm)
        y = embedding(self.weight, x)
        if self.padding_idx is not None:
            y = where((x != self.padding_idx)[..., None], y, y.detach())
        return y

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        bound = "" if self.max_norm is None else f", max_norm={self.max_norm}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}{bound}"

    def _renormalize(self, x: Tensor, max_norm: float) -> None:
        """Scale the rows that x refers to down to max_norm, in place; a row that occurs twice is scaled once."""
        with no_grad():
            rows = embedding(self.weight, x)
            norms = vector_norm(rows, axis=-1, keepdims=True, ord=self.norm_type)
            scale = where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
            self.weight[x, ...] = rows * scale.astype(rows.dtype)


class Flatten(Module):
    """Merge consecutive axes into one.

    Shape: x (N,C,H,W) -> (N, C H W) with the default axes.

    Parameters
    ----------
    start_dim : int
        The first axis that is merged.
    end_dim : int
        The last axis that is merged.

    Examples
    --------
    >>> dl.nn.Flatten()(dl.zeros((2, 3, 4, 5))).shape
    (2, 60)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        if not -x.ndim <= self.start_dim < x.ndim or not -x.ndim <= self.end_dim < x.ndim:
            raise ShapeError(f"Flatten: input of shape {x.shape} has no axes {self.start_dim} to {self.end_dim}")
        start, end = self.start_dim % x.ndim, self.end_dim % x.ndim
        return reshape(x, (*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Return the input unchanged.

    Any arguments are accepted and ignored, so that the layer can replace any other layer.

    Parameters
    ----------
    *args : object
        Ignored.
    **kwargs : object
        Ignored.

    Examples
    --------
    >>> dl.nn.Identity(64, bias=False)(dl.asarray([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def forward(self, x: Any) -> Any:
        return x
