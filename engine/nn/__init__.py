"""Layers, losses and initial values. Names, arguments, state_dict keys and layouts are PyTorch's."""

from __future__ import annotations

from . import functional, init
from .activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    LeakyReLU,
    LogSigmoid,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
    Tanhshrink,
)
from .adaptive_pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)
from .attention import AdditiveAttention, MultiHeadAttention, MultiheadAttention
from .avg_pool import AvgPool1d, AvgPool2d, AvgPool3d
from .cells import GRUCell, LSTMCell, RNNCell
from .container import ModuleDict, ModuleList, Residual, Sequential
from .conv import Conv1d, Conv2d, Conv3d
from .conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .dropout import Dropout, Dropout1d, Dropout2d, Dropout3d
from .embedding_bag import EmbeddingBag
from .flops import flops
from .fold import Fold, Unfold
from .lazy import LazyLinear
from .lazy_conv import (
    LazyConv1d,
    LazyConv2d,
    LazyConv3d,
    LazyConvTranspose1d,
    LazyConvTranspose2d,
    LazyConvTranspose3d,
)
from .lazy_norm import (
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
    LazyInstanceNorm1d,
    LazyInstanceNorm2d,
    LazyInstanceNorm3d,
)
from .linear import Bilinear, Embedding, Flatten, Identity, Linear
from .loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, CTCLoss, KLDivLoss, NLLLoss
from .loss_margin import HingeEmbeddingLoss, HingeLoss, MarginRankingLoss, MultiMarginLoss, SoftMarginLoss
from .loss_metric import (
    ContrastiveLoss,
    CosineEmbeddingLoss,
    CosineSimilarity,
    InfoNCELoss,
    PairwiseDistance,
    PrototypicalLoss,
    TripletMarginLoss,
)
from .loss_regression import GaussianNLLLoss, HuberLoss, L1Loss, MBELoss, MSELoss, PoissonNLLLoss, SmoothL1Loss
from .max_pool import MaxPool1d, MaxPool2d, MaxPool3d, MinPool1d, MinPool2d, MinPool3d
from .max_unpool import MaxUnpool1d, MaxUnpool2d, MaxUnpool3d
from .module import Module, Parameter
from .noise import AlphaDropout, GaussianNoise
from .norm import GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
from .norm_batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .norm_instance import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .padding import ConstantPad1d, ConstantPad2d, ConstantPad3d, ZeroPad1d, ZeroPad2d, ZeroPad3d
from .padding_copied import (
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
)
from .parameters import ParameterDict, ParameterList
from .parametrize import spectral_norm, weight_norm
from .penalty import ActivityPenalty, ElasticNetPenalty, L1Penalty, L2Penalty, MultiTaskLoss
from .perceptron import Perceptron
from .piecewise import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, Maxout, PReLU, ReLU6, Softshrink, Step, Threshold
from .pool import GlobalAvgPool, GlobalMaxPool
from .recurrent import GRU, LSTM, RNN
from .resize import ChannelShuffle, PixelShuffle, PixelUnshuffle, Unflatten, Upsample
from .reversal import GradientReversal
from .softmax import LogSoftmax, Softmax, Softmin
from .summary import summary
from .transformer import PositionalEncoding, TransformerEncoder, TransformerEncoderLayer
from .transformer_decoder import Transformer, TransformerDecoder, TransformerDecoderLayer
from .uninitialized import UninitializedParameter

__all__ = [
    "ActivityPenalty", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "AdditiveAttention", "AlphaDropout", "AvgPool1d", "AvgPool2d",
    "AvgPool3d", "BCELoss", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Bilinear", "CELU",
    "CTCLoss", "ChannelShuffle", "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ContrastiveLoss", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d",
    "ConvTranspose3d", "CosineEmbeddingLoss", "CosineSimilarity", "CrossEntropyLoss", "Dropout", "Dropout1d",
    "Dropout2d", "Dropout3d", "ELU", "ElasticNetPenalty", "Embedding", "EmbeddingBag", "Flatten", "Fold", "GELU",
    "GLU", "GRU", "GRUCell", "GaussianNLLLoss", "GaussianNoise", "GlobalAvgPool", "GlobalMaxPool", "GradientReversal",
    "GroupNorm", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "HingeEmbeddingLoss", "HingeLoss", "HuberLoss",
    "Identity", "InfoNCELoss", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "KLDivLoss", "L1Loss",
    "L1Penalty", "L2Penalty", "LSTM", "LSTMCell", "LayerNorm", "LazyBatchNorm1d", "LazyBatchNorm2d",
    "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d",
    "LazyConvTranspose3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "LazyLinear",
    "LeakyReLU", "Linear", "LocalResponseNorm", "LogSigmoid", "LogSoftmax", "MBELoss", "MSELoss", "MarginRankingLoss",
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "Maxout", "MinPool1d",
    "MinPool2d", "MinPool3d", "Mish", "Module", "ModuleDict", "ModuleList", "MultiHeadAttention", "MultiMarginLoss",
    "MultiTaskLoss", "MultiheadAttention", "NLLLoss", "PReLU", "PairwiseDistance", "Parameter", "ParameterDict",
    "ParameterList", "Perceptron", "PixelShuffle", "PixelUnshuffle", "PoissonNLLLoss", "PositionalEncoding",
    "PrototypicalLoss", "RMSNorm", "RNN", "RNNCell", "ReLU", "ReLU6", "ReflectionPad1d", "ReflectionPad2d",
    "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "Residual", "SELU", "Sequential",
    "SiLU", "Sigmoid", "SmoothL1Loss", "SoftMarginLoss", "Softmax", "Softmin", "Softplus", "Softshrink", "Softsign",
    "Step", "Tanh", "Tanhshrink", "Threshold", "Transformer", "TransformerDecoder", "TransformerDecoderLayer",
    "TransformerEncoder", "TransformerEncoderLayer", "TripletMarginLoss", "Unflatten", "Unfold",
    "UninitializedParameter", "Upsample", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d", "flops", "functional", "init",
    "spectral_norm", "summary", "weight_norm",
]  # fmt: skip
