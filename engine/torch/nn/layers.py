"""PyTorch's layers that dlengine has: subclasses of both, with PyTorch's arguments where they are more."""

from __future__ import annotations

import inspect
from typing import Any

from ... import nn
from ..names.core import assign, lifted, refuse
from ..names.engine import dl
from .functions.losses import how
from .module import LAYERS, Module, adopt
from .utils.rnn import run_packed

CREATED = "device=None, dtype=None"
SIGNATURES: dict[str, str] = {
    **dict.fromkeys(("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardsigmoid", "Hardswish"), "inplace=False"),
    "LeakyReLU": "negative_slope=0.01, inplace=False", "ELU": "alpha=1.0, inplace=False", "CELU": "alpha=1.0, inplace=False",
    "Hardtanh": "min_val=-1.0, max_val=1.0, inplace=False", "Threshold": "threshold, value, inplace=False",
    **dict.fromkeys(("Dropout", "AlphaDropout"), "p=0.5, inplace=False"),
    "AvgPool1d": "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True",
    **dict.fromkeys(("AvgPool2d", "AvgPool3d"),
                    "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None"),
    **dict.fromkeys(("MSELoss", "L1Loss", "SoftMarginLoss"), "size_average=None, reduce=None, reduction='mean'"),
    "CrossEntropyLoss": "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0",
    "NLLLoss": "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'",
    "BCELoss": "weight=None, size_average=None, reduce=None, reduction='mean'",
    "BCEWithLogitsLoss": "weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None",
    "KLDivLoss": "size_average=None, reduce=None, reduction='mean', log_target=False",
    "SmoothL1Loss": "size_average=None, reduce=None, reduction='mean', beta=1.0",
    "PoissonNLLLoss": "log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction='mean'",
    "GaussianNLLLoss": "*, full=False, eps=1e-6, reduction='mean'",
    **dict.fromkeys(("HingeEmbeddingLoss",), "margin=1.0, size_average=None, reduce=None, reduction='mean'"),
    **dict.fromkeys(("MarginRankingLoss", "CosineEmbeddingLoss"), "margin=0.0, size_average=None, reduce=None, reduction='mean'"),
    "MultiMarginLoss": "p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction='mean'",
    "TripletMarginLoss": "margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None, reduction='mean'",
    "Embedding": "num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, "
                 f"sparse=False, _weight=None, _freeze=False, {CREATED}",
    "EmbeddingBag": "num_embeddings, embedding_dim, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode='mean', "
                    f"sparse=False, _weight=None, include_last_offset=False, padding_idx=None, {CREATED}",
    "MultiheadAttention": "embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None, "
                          f"vdim=None, batch_first=False, {CREATED}",
    "TransformerEncoder": "encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True",
    **dict.fromkeys(("TransformerEncoderLayer", "TransformerDecoderLayer"),
                    "d_model, nhead, dim_feedforward=2048, dropout=0.1, activation='relu', layer_norm_eps=1e-5, "
                    f"batch_first=False, norm_first=False, bias=True, {CREATED}"),
    "Transformer": "d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, dim_feedforward=2048, dropout=0.1, "
                   "activation='relu', custom_encoder=None, custom_decoder=None, layer_norm_eps=1e-5, batch_first=False, "
                   f"norm_first=False, bias=True, {CREATED}",
    "LazyLinear": f"out_features, bias=True, {CREATED}",
    **dict.fromkeys((f"LazyConv{n}d" for n in (1, 2, 3)), "out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, "
                                                          f"bias=True, padding_mode='zeros', {CREATED}"),
    **dict.fromkeys((f"LazyConvTranspose{n}d" for n in (1, 2, 3)),
                    "out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, "
                    f"padding_mode='zeros', {CREATED}"),
    **dict.fromkeys((f"LazyBatchNorm{n}d" for n in (1, 2, 3)),
                    f"eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, {CREATED}"),
    **dict.fromkeys((f"LazyInstanceNorm{n}d" for n in (1, 2, 3)),
                    f"eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, {CREATED}"),
    "Upsample": "size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None",
    "PReLU": f"num_parameters=1, init=0.25, {CREATED}",
    "Flatten": "start_dim=1, end_dim=-1",
}  # fmt: skip
"""The arguments of PyTorch's constructors where they are not dlengine's."""

HARMLESS = {"scale_grad_by_freq": False, "enable_nested_tensor": None, "mask_check": None, "sparse": None,
            "add_bias_kv": False, "add_zero_attn": False, "recompute_scale_factor": None, "divisor_override": None,
            "threshold": 20.0}  # fmt: skip
"""Arguments that dlengine lacks: None may have any value, another must be what stands here."""


def signature_of(text: str) -> inspect.Signature:
    """A signature from its text."""
    return inspect.signature(eval(f"lambda {text}: 0"))  # noqa: S307 - texts of this file


def _constructor(name: str, base: Any) -> Any:
    known = inspect.signature(base.__init__).parameters
    asked = signature_of(SIGNATURES[name]) if name in SIGNATURES else None

    def init(self: Any, *args: Any, **options: Any) -> None:
        inplace = False
        extra: dict[str, Any] = {}
        if asked is not None:
            given = asked.bind(*args, **options)
            given.apply_defaults()
            args, options = (), dict(given.arguments)
            inplace = options.pop("inplace", False)
            if "size_average" in options:
                options["reduction"] = how(options["reduction"], options.pop("size_average"), options.pop("reduce"))
            for key in [k for k in options if k not in known]:
                value = options.pop(key)
                extra[key] = value
        if options.get("device") is not None:
            options["device"] = str(options["device"])
        base.__init__(self, *args, **options)
        adopt(self)
        if asked is not None and "inplace" in asked.parameters:
            self.inplace = inplace
        _settle(self, name, extra)

    if asked is not None:
        init.__signature__ = asked.replace(  # type: ignore[attr-defined]
            parameters=[inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *asked.parameters.values()])  # fmt: skip
    else:
        init.__signature__ = inspect.signature(base.__init__)  # type: ignore[attr-defined]
    return init


def _settle(layer: Any, name: str, extra: dict[str, Any]) -> None:
    """What PyTorch's constructor says beyond dlengine's."""
    weight = extra.pop("_weight", None)
    if weight is not None:
        with dl.no_grad():
            layer.weight.copy_(weight)
    if extra.pop("_freeze", False):
        layer.weight.requires_grad_(False)
    for key, value in extra.items():
        if HARMLESS.get(key, value) is not None and value != HARMLESS.get(key, value):
            raise refuse(f"nn.{name}", f"the argument {key}={value!r} is not supported")




def _forward(name: str, base: Any) -> Any:
    """The layer's forward, in place where PyTorch's takes that."""
    plain = base.forward
    if name in SIGNATURES and "inplace" in SIGNATURES[name]:

        def changing(self: Any, input: Any) -> Any:
            y = plain(self, input)
            return assign(input, y, name) if self.__dict__.get("inplace") else y

        return changing
    if name in ("RNN", "LSTM", "GRU"):

        def sequences(self: Any, input: Any, hx: Any = None) -> Any:
            return run_packed(lambda *a, **o: plain(self, *a, **o), self, input, hx)

        return sequences
    return None


def _all_weights(layer: Any) -> list[list[Any]]:
    """The parameters of a recurrent layer by layer and direction."""
    groups: dict[str, list[Any]] = {}
    for name, p in layer.named_parameters():
        groups.setdefault(name.partition("_l")[2], []).append(p)
    return list(groups.values())


def make(name: str) -> Any:
    """The class of this namespace for one of dlengine's layers."""
    base = getattr(nn, name)
    body: dict[str, Any] = {"__doc__": base.__doc__, "__module__": "dlengine.torch.nn", "__init__": _constructor(name, base)}
    if name in ("RNN", "LSTM", "GRU"):
        body |= {"flatten_parameters": lambda self: None, "all_weights": property(_all_weights)}
    body |= {n: staticmethod(lifted(f.__func__)) for n, f in vars(base).items() if isinstance(f, staticmethod) and n != "op"}
    forward = _forward(name, base)
    if forward is not None:
        body["forward"] = forward
    usual = LAYERS[base.complete] if name.startswith("Lazy") else None  # what a lazy layer becomes at its first call
    made = type(name, (Module, base), body) if usual is None else type(name, (usual, base), {**body, "becomes": usual})
    LAYERS[base] = made
    return made


NOT_PYTORCH = {
    "ActivityPenalty",
    "AdditiveAttention",
    "ContrastiveLoss",
    "ElasticNetPenalty",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GradientReversal",
    "HingeLoss",
    "InfoNCELoss",
    "L1Penalty",
    "L2Penalty",
    "MBELoss",
    "Maxout",
    "MinPool1d",
    "MinPool2d",
    "MinPool3d",
    "MultiHeadAttention",
    "MultiTaskLoss",
    "Perceptron",
    "PositionalEncoding",
    "PrototypicalLoss",
    "Residual",
    "Step",
    "Module",
    "Parameter",
    "Sequential",
    "ModuleList",
    "ModuleDict",
    "ParameterList",
    "ParameterDict",
    "Softmax",
    "LogSoftmax",
    "Softmin",
    "Softplus",
}
NAMES: dict[str, Any] = {
    name: make(name)
    for name in sorted(nn.__all__, key=lambda n: (n.startswith("Lazy"), n))
    if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module) and name not in NOT_PYTORCH
}
