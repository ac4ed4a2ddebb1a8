"""Rows of the layers and losses of nn, each with its parameters as arguments. One sample for each row of LAYERS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arguments import booleans, distinct, given, integers, normal, off_zero, positive, uniform
from ..bounds import forward_error
from ..layers import LAYERS, LayerRow, layer, loss
from ..references import layers as ref
from ..table import case

IMAGE, SEQUENCE, VOLUME = normal(2, 4, 7, 6), normal(2, 4, 9), normal(1, 2, 4, 3, 5)
ANY = off_zero(3, 4)

# ---------------------------------------------------------------------- products and tables
layer("Linear", 5, 3, inputs=[normal(2, 4, 5)])
layer("Linear", 5, 3, inputs=[normal(5)], bias=False)
layer("Bilinear", 3, 4, 2, inputs=[normal(2, 5, 3), normal(2, 5, 4)])
layer("Bilinear", 3, 4, 2, inputs=[normal(5, 3), normal(5, 4)], bias=False)
layer("Embedding", 7, 3, inputs=[integers(0, 7, 2, 3)])
layer("Embedding", 7, 3, inputs=[given([[0, 2, 6], [2, 2, 1]], dtype="int64")], padding_idx=2, check=False)
BAGS, STARTS = given([3, 1, 4, 1, 5, 6], dtype="int64"), given([0, 2, 2, 5], dtype="int64")
layer("EmbeddingBag", 7, 3, inputs=[integers(0, 7, 4, 3)])
layer("EmbeddingBag", 7, 3, inputs=[BAGS, STARTS, normal(6)], mode="sum")
layer("EmbeddingBag", 7, 3, inputs=[BAGS, STARTS], mode="max")
layer("EmbeddingBag", 7, 3, inputs=[BAGS, given([0, 2, 6], dtype="int64")], include_last_offset=True, padding_idx=1)
layer("Maxout", 5, 3, inputs=[normal(4, 5)], peer=False)
layer("Maxout", 5, 2, 3, inputs=[normal(2, 4, 5)], bias=False, peer=False)
layer("Perceptron", 3, 2, inputs=[normal(4, 3)], peer=False, check=False)

# ---------------------------------------------------------------------- convolution
layer("Conv1d", 4, 6, 3, inputs=[SEQUENCE], stride=2, padding=1, groups=2)
layer("Conv1d", 4, 2, 3, inputs=[SEQUENCE], padding=2, padding_mode="circular")
layer("Conv2d", 4, 6, 3, inputs=[IMAGE], padding="same", dilation=2)
layer("Conv2d", 4, 4, (3, 2), inputs=[IMAGE], stride=(2, 1), padding=(1, 0), groups=4, bias=False)
layer("Conv2d", 4, 2, 3, inputs=[IMAGE], padding=1, padding_mode="reflect")
layer("Conv2d", 4, 2, 3, inputs=[IMAGE], padding="same", padding_mode="replicate")
layer("Conv2d", 4, 2, 3, inputs=[IMAGE], padding="valid")
layer("Conv2d", 4, 2, 3, inputs=[IMAGE], padding="full", peer=False)
layer("Conv3d", 2, 3, 2, inputs=[VOLUME], padding=1)
layer("Conv1d", 4, 3, 3, inputs=[normal(4, 9)], padding=1, padding_mode="reflect")
layer("Conv2d", 4, 3, 3, inputs=[normal(4, 7, 6)], padding=1)
layer("Conv3d", 2, 3, 2, inputs=[normal(2, 4, 3, 5)])
layer("ConvTranspose1d", 4, 6, 3, inputs=[normal(2, 4, 5)], stride=2, padding=1, output_padding=1, groups=2)
layer("ConvTranspose2d", 4, 3, 3, inputs=[normal(2, 4, 3, 4)], stride=2, dilation=2)
layer("ConvTranspose3d", 2, 3, 2, inputs=[normal(1, 2, 3, 2, 3)], stride=2)

layer("ConvTranspose1d", 4, 3, 3, inputs=[normal(4, 5)], stride=2)
layer("ConvTranspose2d", 4, 3, 3, inputs=[normal(4, 3, 4)])
layer("ConvTranspose3d", 2, 3, 2, inputs=[normal(2, 3, 2, 3)])
layer("Unfold", (2, 3), inputs=[normal(2, 2, 5, 4)], padding=1, stride=2)
layer("Unfold", 2, inputs=[normal(2, 4, 5)], dilation=2)
layer("Fold", (5, 6), 3, inputs=[normal(2, 18, 12)])
layer("Fold", (5, 6), 3, inputs=[normal(18, 9)], padding=1, stride=2)

# ---------------------------------------------------------------------- borders
SMALL, SOLID = normal(1, 2, 4, 3), normal(1, 1, 3, 2, 3)
for _kind in ("Zero", "Reflection", "Replication", "Circular"):
    layer(f"{_kind}Pad1d", 2, inputs=[normal(1, 2, 4)])
    layer(f"{_kind}Pad1d", (3, 1), inputs=[normal(2, 5)])
    layer(f"{_kind}Pad2d", (1, 2, 3, 0), inputs=[SMALL])
    layer(f"{_kind}Pad2d", (-1, 1, 1, -1), inputs=[normal(2, 4, 3)])
    layer(f"{_kind}Pad3d", (1, 2, 0, 1, 2, 1), inputs=[SOLID])
layer("ConstantPad1d", 2, 0.5, inputs=[normal(1, 2, 4)])
layer("ConstantPad2d", (1, 2, -3, 0), -1.0, inputs=[SMALL])
layer("ConstantPad3d", (1, 2, 0, 1, 2, 1), 2.0, inputs=[SOLID])

# ---------------------------------------------------------------------- pooling and sizes
layer("MaxPool1d", 3, inputs=[distinct(2, 3, 9)], stride=2, padding=1)
layer("MaxPool2d", 2, inputs=[distinct(2, 3, 7, 5)], ceil_mode=True)
layer("MaxPool2d", 3, inputs=[distinct(2, 3, 7, 5)], stride=2, padding=1, return_indices=True)
layer("MaxPool3d", 2, inputs=[distinct(1, 2, 4, 4, 4)])
layer("MinPool1d", 3, inputs=[distinct(2, 3, 9)], stride=2, padding=1, peer=False)
layer("MinPool2d", 2, inputs=[distinct(2, 3, 7, 5)], ceil_mode=True, return_indices=True, peer=False)
layer("MinPool3d", 2, inputs=[distinct(1, 2, 4, 4, 4)], peer=False)
layer("AvgPool1d", 3, inputs=[normal(2, 3, 9)], padding=1)
layer("AvgPool2d", (3, 2), inputs=[normal(2, 3, 7, 5)], stride=2, padding=1, count_include_pad=False)
layer("AvgPool2d", 3, inputs=[normal(2, 3, 7, 6)], stride=2, padding=1, ceil_mode=True)
layer("AvgPool3d", 2, inputs=[normal(1, 2, 4, 4, 4)])
layer("AdaptiveAvgPool1d", 3, inputs=[normal(2, 3, 8)])
layer("AdaptiveAvgPool2d", (2, 3), inputs=[normal(2, 3, 7, 6)])
layer("AdaptiveAvgPool3d", 2, inputs=[normal(1, 2, 3, 4, 5)])
layer("AdaptiveMaxPool1d", 3, inputs=[distinct(2, 3, 8)])
layer("AdaptiveMaxPool2d", (2, 3), inputs=[distinct(2, 3, 7, 6)], return_indices=True)
layer("AdaptiveMaxPool3d", 2, inputs=[distinct(1, 2, 3, 4, 5)])
layer("GlobalAvgPool", inputs=[normal(2, 3, 4, 5)], peer=False)
layer("GlobalMaxPool", inputs=[distinct(2, 3, 4, 5)], peer=False)
layer("MaxUnpool1d", 2, inputs=[normal(1, 2, 2), given([[[0, 3], [1, 2]]], dtype="int64")])
layer("MaxUnpool2d", 2, inputs=[normal(1, 1, 2, 2), given([[[[0, 3], [9, 14]]]], dtype="int64")])
layer("MaxUnpool2d", 2, inputs=[normal(1, 1, 1, 2), given([[[[0, 4]]]], dtype="int64")], call={"output_size": (2, 5)})
layer("MaxUnpool3d", 2, inputs=[normal(1, 1, 1, 1, 2), given([[[[[0, 6]]]]], dtype="int64")])
layer("Upsample", inputs=[normal(2, 3, 3, 4)], scale_factor=2)
layer("Upsample", inputs=[normal(2, 3, 4)], size=7, mode="linear")
layer("Upsample", inputs=[normal(1, 2, 3, 4)], scale_factor=2, mode="bilinear")
layer("Upsample", inputs=[normal(1, 2, 3, 4)], scale_factor=(1.5, 2.6), mode="bilinear")
layer("Upsample", inputs=[normal(1, 2, 3, 4)], size=(5, 3), mode="bilinear", align_corners=True)
layer("Upsample", inputs=[normal(1, 2, 4, 4)], size=(7, 9), mode="bicubic")
layer("Upsample", inputs=[normal(1, 1, 2, 3, 2)], scale_factor=2, mode="trilinear")
layer("PixelShuffle", 2, inputs=[normal(2, 8, 3, 2)])
layer("PixelUnshuffle", 2, inputs=[normal(2, 2, 6, 4)])
layer("ChannelShuffle", 2, inputs=[normal(2, 6, 3, 2)])
layer("ChannelShuffle", 3, inputs=[normal(2, 6, 4)])
for _name, _settings in {"MaxPool": 2, "AvgPool": 2, "AdaptiveAvgPool": 3, "AdaptiveMaxPool": 3}.items():
    for _n, _space in enumerate(((9,), (7, 6), (4, 5, 4)), start=1):
        layer(f"{_name}{_n}d", _settings, inputs=[distinct(3, *_space)])
layer("MaxUnpool2d", 2, inputs=[normal(1, 2, 2), given([[[0, 3], [9, 14]]], dtype="int64")])
layer("Flatten", 2, inputs=[normal(2, 3, 4, 5)])
layer("Unflatten", 1, (2, 3), inputs=[normal(4, 6, 2)])
layer("Unflatten", -1, (2, -1), inputs=[normal(4, 6)])
layer("Identity", inputs=[ANY])

# ---------------------------------------------------------------------- normalisation
layer("BatchNorm1d", 4, inputs=[normal(6, 4)])
layer("BatchNorm1d", 4, inputs=[normal(3, 4, 5)], momentum=0.3)
layer("BatchNorm2d", 3, inputs=[normal(3, 3, 4, 5)], affine=False)
layer("BatchNorm3d", 2, inputs=[normal(3, 2, 2, 2, 3)], track_running_stats=False)
layer("LayerNorm", (4, 5), inputs=[normal(2, 3, 4, 5)])
layer("LayerNorm", 5, inputs=[normal(2, 3, 5)], bias=False)
layer("RMSNorm", 5, inputs=[normal(2, 3, 5)])
layer("RMSNorm", (4, 5), inputs=[normal(2, 4, 5)], eps=1e-3, elementwise_affine=False)
layer("GroupNorm", 2, 4, inputs=[normal(3, 4, 5)])
layer("InstanceNorm1d", 3, inputs=[normal(2, 3, 6)], affine=True)
layer("InstanceNorm2d", 3, inputs=[normal(2, 3, 4, 5)], affine=True, track_running_stats=True)
layer("InstanceNorm3d", 2, inputs=[normal(2, 2, 3, 2, 2)])

layer("InstanceNorm1d", 3, inputs=[normal(3, 6)], affine=True, track_running_stats=True)
layer("InstanceNorm2d", 3, inputs=[normal(3, 4, 5)], affine=True)
layer("LocalResponseNorm", 3, inputs=[normal(2, 5, 4)], alpha=0.5)
layer("LocalResponseNorm", 2, inputs=[normal(2, 3, 2, 2)], alpha=1.0, beta=0.5, k=2.0)

# ---------------------------------------------------------------------- activations
for _name in (
    "ReLU ReLU6 Sigmoid LogSigmoid Tanh Tanhshrink Softsign SiLU Mish SELU Hardsigmoid Hardswish ELU GELU CELU Softplus "
    "Hardtanh Softshrink Hardshrink LeakyReLU PReLU"
).split():
    layer(_name, inputs=[ANY])
layer("LeakyReLU", 0.2, inputs=[ANY])
layer("ELU", 0.7, inputs=[ANY])
layer("CELU", 0.5, inputs=[ANY])
layer("GELU", inputs=[ANY], approximate="tanh")
layer("Softplus", 2.0, inputs=[ANY])
layer("Hardtanh", -0.5, 2.0, inputs=[ANY])
layer("Threshold", 0.05, -1.0, inputs=[ANY])
layer("PReLU", 4, inputs=[off_zero(2, 4, 3)])
layer("Softmax", 1, inputs=[normal(3, 4)])
layer("Softmin", 1, inputs=[normal(3, 4)])
layer("LogSoftmax", 0, inputs=[normal(3, 4)])
layer("GLU", 1, inputs=[normal(3, 4, 2)])
layer("Step", inputs=[ANY], peer=False)
layer("GradientReversal", 0.5, inputs=[ANY], peer=False, check=False)

# ---------------------------------------------------------------------- noise
layer("Dropout", 0.3, inputs=[ANY], peer=False)
layer("Dropout1d", 0.3, inputs=[normal(4, 3, 2)], peer=False)
layer("Dropout2d", 0.3, inputs=[normal(4, 3, 2, 2)], peer=False)
layer("Dropout3d", 0.3, inputs=[normal(4, 3, 2, 1, 2)], peer=False)
layer("AlphaDropout", 0.3, inputs=[ANY], peer=False)
layer("GaussianNoise", 0.3, inputs=[ANY], peer=False)

# ---------------------------------------------------------------------- recurrent nets
STEPS, STATE = normal(5, 3, 3), normal(1, 3, 4, scale=0.5)
layer("RNN", 3, 4, inputs=[STEPS])
layer("RNN", 3, 4, 2, inputs=[STEPS], nonlinearity="relu", bidirectional=True)
layer("RNN", 3, 4, inputs=[STEPS, STATE], bias=False)
layer("LSTM", 3, 4, inputs=[STEPS, [STATE, STATE]], bias=False)
layer("LSTM", 3, 4, 2, inputs=[STEPS], bidirectional=True, batch_first=True)
layer("LSTM", 3, 4, inputs=[normal(5, 3)])
layer("LSTM", 3, 4, 2, inputs=[STEPS, [normal(4, 3, 2), normal(4, 3, 4)]], bidirectional=True, proj_size=2)
layer("GRU", 3, 4, 2, inputs=[STEPS])
layer("GRU", 3, 4, inputs=[STEPS, normal(2, 5, 4)], bidirectional=True, batch_first=True)
for _name in ("RNN", "LSTM", "GRU"):
    layer(_name, 3, 4, 2, inputs=[STEPS], call={"lengths": [4, 5, 1]}, bidirectional=True)
    layer(_name, 3, 4, inputs=[STEPS], call={"lengths": [3, 0, 5]}, bidirectional=True, peer=False)
layer("LSTM", 3, 4, inputs=[STEPS], call={"lengths": [4, 5, 1]}, bidirectional=True, proj_size=2)
layer("RNNCell", 3, 4, inputs=[normal(2, 3), normal(2, 4)])
layer("RNNCell", 3, 4, inputs=[normal(3)], nonlinearity="relu", bias=False)
layer("LSTMCell", 3, 4, inputs=[normal(2, 3), [normal(2, 4), normal(2, 4)]])
layer("LSTMCell", 3, 4, inputs=[normal(3)], bias=False)
layer("GRUCell", 3, 4, inputs=[normal(2, 3), normal(2, 4)])
layer("GRUCell", 3, 4, inputs=[normal(2, 3)], bias=False)

# ---------------------------------------------------------------------- attention
QUERY, KEY = normal(3, 2, 4), normal(5, 2, 4)
WIDE = normal(3, 2, 8)
HIDDEN_KEYS = given([[0, 0, 1, 0, 1], [0, 0, 0, 0, 0]], dtype="bool")
layer("MultiheadAttention", 4, 2, inputs=[QUERY, KEY, KEY])
layer("MultiheadAttention", 4, 2, inputs=[normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 4), HIDDEN_KEYS], batch_first=True)
layer("MultiheadAttention", 4, 2, inputs=[QUERY, normal(5, 2, 3), normal(5, 2, 6)], kdim=3, vdim=6, bias=False)
layer(
    "MultiheadAttention", 4, 2, inputs=[QUERY, KEY, KEY, None, True, normal(3, 5), False], bias=False,
)  # fmt: skip
layer("MultiheadAttention", 4, 2, inputs=[normal(3, 4), normal(5, 4), normal(5, 4)], call={"need_weights": False})
layer("MultiHeadAttention", 4, 2, inputs=[QUERY, QUERY, QUERY], call={"is_causal": True}, peer=False)
layer("AdditiveAttention", 3, 4, 5, inputs=[normal(2, 3), normal(2, 5, 4)], peer=False)
layer("AdditiveAttention", 3, 4, 5, inputs=[normal(2, 3), normal(2, 3, 4), normal(2, 3, 2), booleans(2, 3)], peer=False)
layer("TransformerEncoderLayer", 8, 2, 6, inputs=[WIDE], dropout=0.0, check=False)  # too near a kink of its relu
layer("TransformerEncoderLayer", 8, 2, 6, inputs=[WIDE], dropout=0.0, activation="gelu", norm_first=True, bias=False)
layer(
    "TransformerEncoderLayer", 8, 2, 6, inputs=[normal(2, 5, 8), None, HIDDEN_KEYS], dropout=0.0, batch_first=True,
    activation="gelu",
)  # fmt: skip
layer(
    "TransformerEncoder", lambda ns: ns.TransformerEncoderLayer(8, 2, 6, dropout=0.0), 2, lambda ns: ns.LayerNorm(8),
    inputs=[WIDE],
)  # fmt: skip
HIDDEN_STEPS = given([[0, 1, 1], [0, 0, 1], [0, 0, 0]], dtype="bool")
layer("TransformerDecoderLayer", 8, 2, 6, inputs=[WIDE, normal(5, 2, 8)], dropout=0.0, check=False)
layer(
    "TransformerDecoderLayer", 8, 2, 6, inputs=[WIDE, normal(5, 2, 8), HIDDEN_STEPS, None, None, HIDDEN_KEYS], dropout=0.0,
    activation="gelu", norm_first=True,
)  # fmt: skip
layer(
    "TransformerDecoderLayer", 8, 2, 6, inputs=[normal(3, 8), normal(5, 8), normal(3, 3), normal(3, 5)], dropout=0.0,
    activation="gelu", bias=False,
)  # fmt: skip
layer(
    "TransformerDecoder", lambda ns: ns.TransformerDecoderLayer(8, 2, 6, dropout=0.0, activation="gelu", batch_first=True), 2,
    lambda ns: ns.LayerNorm(8), inputs=[normal(2, 3, 8), normal(2, 5, 8)], call={"tgt_mask": None},
)  # fmt: skip
layer(
    "Transformer", 8, 2, 1, 2, 6, inputs=[normal(5, 2, 8), WIDE, None, HIDDEN_STEPS, None, HIDDEN_KEYS, None, HIDDEN_KEYS],
    dropout=0.0, activation="gelu",
)  # fmt: skip
layer("PositionalEncoding", 4, 6, inputs=[QUERY], peer=False)

# ---------------------------------------------------------------------- layers of layers
layer("Sequential", lambda ns: ns.Linear(4, 5), lambda ns: ns.Tanh(), lambda ns: ns.Linear(5, 2), inputs=[normal(3, 4)])
layer("Residual", lambda ns: ns.Linear(4, 4), inputs=[normal(3, 4)], peer=False)
layer("Residual", lambda ns: ns.Linear(4, 2), lambda ns: ns.Linear(4, 2, bias=False), inputs=[normal(3, 4)], peer=False)
layer("ActivityPenalty", 0.1, inputs=[ANY], peer=False)
layer("MultiTaskLoss", 1.0, 0.5, 2.0, inputs=[normal(), normal(), normal()], peer=False)
layer("PairwiseDistance", inputs=[normal(4, 3), normal(4, 3)])
layer("PairwiseDistance", 1.0, inputs=[normal(4, 3), normal(4, 3)], keepdim=True)
layer("CosineSimilarity", 1, inputs=[normal(4, 3), normal(4, 3)])

# ---------------------------------------------------------------------- losses
LABELS, CLASSES = given([1, 0, -100, 3, 2], dtype="int64"), given([1, 0, 3, 3, 2], dtype="int64")
SIGNS, SAME = given([1.0, -1.0, -1.0, 1.0, 1.0], grad=False), given([1.0, 0.0, 0.0, 1.0, 1.0], grad=False)
WEIGHT = [0.5, 1.0, 2.0, 0.1]
X, T = normal(5, 4), normal(5, 4).without_grad()
PART = uniform(0.05, 0.95, 5, 4).without_grad()
EMBEDDED = normal(5, 3)
for _name in ("MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss"):
    loss(_name, X, T)
loss("MBELoss", X, T, peer=False)
loss("HuberLoss", X, T, delta=0.5)
loss("SmoothL1Loss", X, T, beta=0.5)
loss("SmoothL1Loss", X, T, beta=0.0)
loss("BCELoss", uniform(0.05, 0.95, 5, 4), PART)
loss("BCEWithLogitsLoss", X, PART)
loss("BCEWithLogitsLoss", X, PART, pos_weight=[1.0, 2.0, 3.0, 0.5], weight=[1.0, 0.0, 2.0, 1.0])
loss("CrossEntropyLoss", X, CLASSES)
loss("CrossEntropyLoss", X, LABELS, label_smoothing=0.1)
loss("CrossEntropyLoss", X, LABELS, weight=WEIGHT, label_smoothing=0.2)
loss("CrossEntropyLoss", X, CLASSES, weight=WEIGHT, ignore_index=2)
loss("CrossEntropyLoss", normal(2, 4, 3, 2), integers(0, 4, 2, 3, 2))
loss("CrossEntropyLoss", normal(4), given(2, dtype="int64"))
loss("CrossEntropyLoss", X, PART, weight=WEIGHT, label_smoothing=0.1)
loss("NLLLoss", X, LABELS, weight=WEIGHT)
loss("NLLLoss", normal(2, 4, 3), integers(0, 4, 2, 3))
loss("HingeLoss", normal(5), SIGNS, peer=False)
loss("SoftMarginLoss", normal(5), SIGNS)
loss("HingeEmbeddingLoss", uniform(0.0, 3.0, 5), SIGNS)
loss("MarginRankingLoss", normal(5), normal(5), SIGNS, margin=0.3)
loss("MultiMarginLoss", X, CLASSES)
loss("MultiMarginLoss", X, CLASSES, p=2, margin=0.5, weight=WEIGHT)
loss("MultiMarginLoss", X, CLASSES, average=False, peer=False)
loss("KLDivLoss", X, PART)
loss("KLDivLoss", X, T, log_target=True)
layer("KLDivLoss", inputs=[X, PART], reduction="batchmean")
loss("GaussianNLLLoss", X, T, positive(5, 4))
loss("GaussianNLLLoss", X, T, positive(5, 1), full=True)
loss("PoissonNLLLoss", X, given([[0.0, 1.0, 2.0, 5.0]] * 5, grad=False))
loss("PoissonNLLLoss", positive(5, 4), given([[0.0, 1.0, 2.0, 5.0]] * 5, grad=False), log_input=False, full=True)
loss("ContrastiveLoss", EMBEDDED, normal(5, 3), SAME, margin=3.0, peer=False)
loss("ContrastiveLoss", EMBEDDED, normal(5, 3), SAME, margin=None, peer=False)
loss("TripletMarginLoss", EMBEDDED, normal(5, 3), normal(5, 3))
loss("TripletMarginLoss", EMBEDDED, normal(5, 3), normal(5, 3), p=1.0, margin=0.5, swap=True)
loss("CosineEmbeddingLoss", EMBEDDED, normal(5, 3), SIGNS, margin=0.1)
loss("InfoNCELoss", EMBEDDED, normal(5, 3), peer=False)
loss("InfoNCELoss", EMBEDDED, normal(5, 3), normal(4, 3), temperature=0.5, peer=False)
loss("PrototypicalLoss", EMBEDDED, given([0, 1, 1, 2, 0], dtype="int64"), normal(4, 3), integers(0, 3, 4), ways=3, peer=False)
SPELLED, WORDS = normal(6, 3, 4), given([[1, 2, 2], [3, 0, 0], [1, 3, 0]], dtype="int64")
loss("CTCLoss", SPELLED, WORDS, (6, 4, 5), (3, 1, 2), prepare="log_softmax")
loss("CTCLoss", SPELLED, given([0, 1, 1, 2, 0, 2], dtype="int64"), (6, 4, 5), (3, 1, 2), prepare="log_softmax", blank=3)


def _op(name: str, rows: list[LayerRow]) -> Callable[..., Any]:
    def op(*tensors: Any, number: int) -> Any:
        return rows[number].run(*tensors)

    op.__name__ = f"nn.{name}"
    op.__doc__ = f"The layer {name}, with its parameters as arguments after its inputs."
    return op


for _name in dict.fromkeys(row.name for row in LAYERS):
    _rows = [row for row in LAYERS if row.name == _name]
    _noise = ref.dropped(_rows) if _name in ref.DROPPED else ref.noisy(_rows) if _name == "GaussianNoise" else None
    case(
        _op(_name, _rows),
        *[row.sample() for row in _rows],
        bound=forward_error(256),
        differentiable=any(row.check for row in _rows),
        second_order=False,
        tags=("layer",),
        reference=ref.reference(_rows) if _noise is None else None,
        properties=_noise,
    )
