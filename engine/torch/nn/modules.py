"""Layers of PyTorch that dlengine has not under one name: functions with settings."""

from __future__ import annotations

import inspect
from typing import Any

from . import functional as F
from .functions.losses import how
from .layers import NAMES as LAYER_NAMES
from .layers import signature_of
from .module import Module

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

    trains = "training" in inspect.signature(f).parameters

    def forward(self: Any, *inputs: Any) -> Any:
        options = {key: getattr(self, key) for key in self._names}
        if trains:
            options["training"] = self.training
        return f(*inputs, **options)

    def shown(self: Any) -> str:
        return ", ".join(f"{key}={getattr(self, key)!r}" for key in self._names)

    body = {"__init__": init, "forward": forward, "extra_repr": shown, "__module__": "dlengine.torch.nn", "__doc__": f"{name}."}
    NAMES[name] = type(name, (Module,), body)


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


def _reset_running_stats(self: Any) -> None:
    """Forget all batches."""
    if self.running_mean is not None:
        for held, start in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            held.fill_(start)


for _n in (1, 2, 3):
    LAYER_NAMES[f"BatchNorm{_n}d"].reset_running_stats = _reset_running_stats
NAMES["NLLLoss2d"] = LAYER_NAMES["NLLLoss"]


class DataParallel(Module):
    """The module itself: there is one device."""

    def __init__(self, module: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


NAMES["DataParallel"] = DataParallel
