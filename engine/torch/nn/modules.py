"""Layers of PyTorch that dlengine has not under one name: functions with settings, lazy layers, the whole Transformer."""

from __future__ import annotations

import inspect
from typing import Any

from ..names.core import refuse
from ..names.engine import dl
from . import functional as F
from .containers import ModuleList
from .functions.losses import how
from .layers import NAMES as LAYER_NAMES
from .layers import signature_of
from .module import Module
from .parameter import Parameter

NAMES: dict[str, Any] = {}


def function_layer(name: str, f: Any, settings: str = "", loss: bool = False) -> None:
    """A layer that is a function with settings and no parameters."""
    asked = signature_of(settings)

    def init(self: Any, *args: Any, **options: Any) -> None:
        given = asked.bind(*args, **options)
        given.apply_defaults()
        values = dict(given.arguments)
        if "size_average" in values:
            values["reduction"] = how(values["reduction"], values.pop("size_average"), values.pop("reduce"))
        self._names = tuple(values)
        for key, value in values.items():
            setattr(self, key, value)

    init.__signature__ = asked.replace(parameters=[  # type: ignore[attr-defined]
        inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *asked.parameters.values()])  # fmt: skip

    def forward(self: Any, *inputs: Any) -> Any:
        options = {key: getattr(self, key) for key in self._names}
        if "training" in inspect.signature(f).parameters:
            options["training"] = self.training
        return f(*inputs, **options)

    def shown(self: Any) -> str:
        return ", ".join(f"{key}={getattr(self, key)!r}" for key in self._names)

    body = {"__init__": init, "forward": forward, "extra_repr": shown, "__module__": "dlengine.torch.nn", "__doc__": f"{name}."}
    NAMES[name] = type(name, (Module,), body)


# ---------------------------------------------------------------------- borders
def _pads() -> None:
    for rank in (1, 2, 3):
        for kind, mode in {"Zero": "constant", "Constant": "constant", "Reflection": "reflect", "Replication": "replicate",
                           "Circular": "circular"}.items():  # fmt: skip

            def f(input: Any, padding: Any, value: float = 0.0, _mode: str = mode, _rank: int = rank) -> Any:
                pairs = (padding,) * (2 * _rank) if isinstance(padding, int) else tuple(padding)
                return F.pad(input, pairs, mode=_mode, value=value)

            name = f"{kind}Pad{rank}d"
            function_layer(name, f, "padding, value" if kind == "Constant" else "padding")
            if kind == "Reflection" or kind == "Replication":
                NAMES[name.replace("Reflection", "Reflection")] = NAMES[name]


_pads()
function_layer("Fold", F.fold, "output_size, kernel_size, dilation=1, padding=0, stride=1")
function_layer("Unfold", F.unfold, "kernel_size, dilation=1, padding=0, stride=1")
function_layer("LocalResponseNorm", F.local_response_norm, "size, alpha=1e-4, beta=0.75, k=1.0")
function_layer("ChannelShuffle", F.channel_shuffle, "groups")
for _name, _f in {"Softmax": F.softmax, "LogSoftmax": F.log_softmax, "Softmin": F.softmin}.items():
    function_layer(_name, _f, "dim=None")
function_layer("RReLU", F.rrelu, "lower=1/8, upper=1/3, inplace=False")
function_layer("LPPool1d", F.lp_pool1d, "norm_type, kernel_size, stride=None, ceil_mode=False")
function_layer("LPPool2d", F.lp_pool2d, "norm_type, kernel_size, stride=None, ceil_mode=False")
function_layer("FeatureAlphaDropout", F.feature_alpha_dropout, "p=0.5, inplace=False")
for _n in (1, 2, 3):
    function_layer(f"Dropout{_n}d", getattr(F, f"dropout{_n}d"), "p=0.5, inplace=False")
function_layer("Softplus", F.softplus, "beta=1.0, threshold=20.0")
function_layer("Softmax2d", lambda input: F.softmax(input, -3), "")
function_layer("UpsamplingNearest2d", F.upsample_nearest, "size=None, scale_factor=None")
function_layer("UpsamplingBilinear2d", F.upsample_bilinear, "size=None, scale_factor=None")
function_layer(
    "Upsample", F.interpolate, "size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None"
)
for _n in (2, 3):
    _pool = getattr(F, f"avg_pool{_n}d")
    function_layer(
        f"AvgPool{_n}d",
        _pool,
        "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None",
    )
_REDUCED = "size_average=None, reduce=None, reduction='mean'"
function_layer("MultiLabelMarginLoss", F.multilabel_margin_loss, _REDUCED)
function_layer("MultiLabelSoftMarginLoss", F.multilabel_soft_margin_loss, f"weight=None, {_REDUCED}")
function_layer("TripletMarginWithDistanceLoss", F.triplet_margin_with_distance_loss,
               "*, distance_function=None, margin=1.0, swap=False, reduction='mean'")  # fmt: skip
NAMES["NLLLoss2d"] = LAYER_NAMES["NLLLoss"]


class DataParallel(Module):
    """The module itself: there is one device."""

    def __init__(self, module: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


NAMES["DataParallel"] = DataParallel


# ---------------------------------------------------------------------- layers with other input
class Embedding(LAYER_NAMES["Embedding"]):  # type: ignore[misc, valid-type]
    """Rows of a table by number."""

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: Any = None, max_norm: Any = None,
                        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> Any:  # fmt: skip
        """A table from given rows."""
        made = cls(*embeddings.shape, padding_idx=padding_idx, max_norm=max_norm, norm_type=norm_type)
        made.weight = Parameter(embeddings, requires_grad=not freeze)
        return made


class EmbeddingBag(Module):
    """Sums, means or largest values of bags of rows."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: Any = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Any = None,
        include_last_offset: bool = False,
        padding_idx: Any = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        start = dl.randn(num_embeddings, embedding_dim, dtype=dtype, device=device) if _weight is None else _weight
        self.weight = Parameter(start)
        self.settings = {"max_norm": max_norm, "norm_type": norm_type, "scale_grad_by_freq": scale_grad_by_freq, "mode": mode,
                         "include_last_offset": include_last_offset, "padding_idx": padding_idx}  # fmt: skip

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        return F.embedding_bag(input, self.weight, offsets, per_sample_weights=per_sample_weights, **self.settings)


NAMES.update(Embedding=Embedding, EmbeddingBag=EmbeddingBag)


# ---------------------------------------------------------------------- lazy layers
def _lazy(name: str, inputs: int = 1) -> None:
    """A layer that reads the number of its inputs from the first one; inputs: which axis counts them."""
    target = LAYER_NAMES[name]

    def init(self: Any, *args: Any, **options: Any) -> None:
        self.waiting = (args, options)

    def forward(self: Any, input: Any) -> Any:
        args, options = self.__dict__.pop("waiting")
        self.__class__ = target
        target.__init__(self, input.shape[inputs], *args, **options)
        return target.forward(self, input)

    NAMES[f"Lazy{name}"] = type(
        f"Lazy{name}",
        (Module,),
        {
            "__init__": init,
            "forward": forward,
            "__module__": "dlengine.torch.nn",
            "__doc__": f"{name} whose number of inputs the first input tells.",
        },
    )


_lazy("Linear", -1)
for _rank in (1, 2, 3):
    for _kind in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm"):
        _lazy(f"{_kind}{_rank}d")
_ = (ModuleList, refuse)
