"""Short programs in PyTorch's words, whose result ``r`` must be the same in dlengine.torch and in PyTorch.

A snippet may use torch, nn, F, np, ``t(*shape)`` (numbers from NumPy, with a gradient asked for), ``ints(high, *shape)`` and
``seeded(module)``, which gives a module's parameters numbers from NumPy. ``back(y, *xs)`` returns y and the gradients of a
weighted sum of it.
"""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
from torch_names import distributions


def layers() -> dict[str, str]:
    """A snippet per layer: values and the gradients of input and parameters."""
    made = {
        "Linear(4, 3)": "2, 4",
        "Linear(4, 3, bias=False)": "5, 2, 4",
        "Bilinear(3, 4, 2)": "5, 3|5, 4",
        "Conv1d(2, 4, 3)": "2, 2, 7",
        "Conv1d(2, 4, 3, padding='same', dilation=2)": "2, 7",
        "Conv2d(2, 4, (3, 2), stride=2, padding=(1, 0))": "2, 2, 6, 5",
        "Conv2d(4, 4, 3, groups=2, padding_mode='reflect', padding=1)": "4, 5, 5",
        "Conv3d(1, 2, 2)": "1, 1, 3, 4, 3",
        "ConvTranspose1d(3, 2, 3, stride=2, output_padding=1)": "2, 3, 4",
        "ConvTranspose2d(3, 2, 3, 2, 1, 1)": "3, 4, 4",
        "MaxPool1d(2)": "2, 5",
        "MaxPool2d(3, 2, 1)": "2, 2, 6, 6",
        "MaxPool2d(2, ceil_mode=True)": "2, 5, 5",
        "MaxPool3d(2)": "1, 2, 4, 4, 4",
        "AvgPool1d(3, 2, 1, count_include_pad=False)": "2, 2, 7",
        "AvgPool2d(2, ceil_mode=True)": "2, 5, 5",
        "AvgPool2d((2, 3), stride=1, divisor_override=2)": "1, 2, 4, 5",
        "AdaptiveAvgPool2d((3, None))": "1, 2, 5, 4",
        "AdaptiveAvgPool1d(2)": "2, 5",
        "AdaptiveMaxPool2d(2)": "2, 5, 5",
        "LPPool2d(2, 2)": "1, 2, 4, 4",
        "BatchNorm1d(4)": "5, 4",
        "BatchNorm1d(4, affine=False)": "5, 4, 3",
        "BatchNorm2d(3, momentum=0.3)": "2, 3, 4, 4",
        "GroupNorm(2, 4)": "2, 4, 3",
        "InstanceNorm2d(3, affine=True)": "2, 3, 4, 4",
        "LayerNorm((3, 4))": "2, 3, 4",
        "RMSNorm(4)": "2, 4",
        "LocalResponseNorm(3)": "2, 5, 3, 3",
        "Embedding(7, 3)": "i7, 2, 4",
        "Embedding(7, 3, padding_idx=2)": "i7, 5",
        "EmbeddingBag(7, 3, mode='sum')": "i7, 2, 4",
        "RNN(3, 4, 2)": "5, 2, 3",
        "RNN(3, 4, nonlinearity='relu', batch_first=True)": "2, 5, 3",
        "LSTM(3, 4, 2, bidirectional=True)": "5, 2, 3",
        "LSTM(3, 4, batch_first=True)": "2, 5, 3",
        "LSTM(3, 4, proj_size=2)": "5, 2, 3",
        "GRU(3, 4, bidirectional=True, batch_first=True)": "2, 5, 3",
        "GRU(3, 4)": "5, 3",
        "LSTMCell(3, 4)": "2, 3",
        "GRUCell(3, 4)": "2, 3",
        "RNNCell(3, 4)": "2, 3",
        "MultiheadAttention(4, 2)": "3, 2, 4|5, 2, 4|5, 2, 4",
        "Softmax(dim=1)": "2, 3, 4",
        "LogSoftmax(-1)": "2, 3",
        "Softmax2d()": "2, 3, 2, 2",
        "Softmin(dim=0)": "3, 2",
        "ReLU()": "3, 4",
        "LeakyReLU(0.3)": "3, 4",
        "ELU(0.5)": "3, 4",
        "CELU(0.7)": "3, 4",
        "SELU()": "3, 4",
        "GELU()": "3, 4",
        "GELU(approximate='tanh')": "3, 4",
        "SiLU()": "3, 4",
        "Mish()": "3, 4",
        "Softplus(beta=2, threshold=1)": "3, 4",
        "Softshrink(0.3)": "3, 4",
        "Hardshrink()": "3, 4",
        "Hardtanh(-0.5, 0.4)": "3, 4",
        "Hardsigmoid()": "3, 4",
        "Hardswish()": "3, 4",
        "Tanhshrink()": "3, 4",
        "Threshold(0.1, 20.0)": "3, 4",
        "PReLU(4)": "3, 4",
        "RReLU().eval()": "3, 4",
        "GLU(dim=1)": "2, 4",
        "LogSigmoid()": "3, 4",
        "ReLU6()": "3, 4",
        "Softsign()": "3, 4",
        "Sigmoid()": "3, 4",
        "ReflectionPad2d((1, 2, 0, 1))": "1, 2, 3, 4",
        "ReplicationPad1d(2)": "2, 3",
        "ZeroPad2d(1)": "2, 3, 3",
        "ConstantPad1d((1, 2), 3.5)": "2, 3",
        "CircularPad2d(1)": "1, 2, 3, 3",
        "Upsample(scale_factor=2)": "1, 2, 3, 3",
        "Upsample(size=(5, 4), mode='bilinear')": "1, 2, 3, 3",
        "Upsample(scale_factor=2, mode='bicubic', align_corners=True)": "1, 1, 3, 3",
        "UpsamplingNearest2d(scale_factor=2)": "1, 2, 2, 2",
        "PixelShuffle(2)": "1, 4, 2, 3",
        "PixelUnshuffle(2)": "1, 1, 4, 4",
        "ChannelShuffle(2)": "1, 4, 2, 2",
        "Flatten()": "2, 3, 4",
        "Flatten(0, 1)": "2, 3, 4",
        "Unflatten(1, (2, 2))": "3, 4",
        "Fold((4, 4), 2)": "1, 8, 9",
        "Unfold(2, stride=2)": "1, 2, 4, 4",
        "CosineSimilarity(dim=-1)": "3, 4|3, 4",
        "PairwiseDistance(p=1)": "3, 4|3, 4",
        "Identity()": "2, 2",
        "TransformerEncoderLayer(4, 2, 6, dropout=0.0)": "3, 2, 4",
        "TransformerDecoderLayer(4, 2, 6, dropout=0.0)": "3, 2, 4|5, 2, 4",
        "TransformerDecoderLayer(4, 2, 6, dropout=0.0, norm_first=True, batch_first=True, activation='gelu')": "2, 3, 4|2, 5, 4",
        "Transformer(4, 2, 1, 2, 6, dropout=0.0)": "3, 2, 4|5, 2, 4",
    }
    return {name: f"m = seeded(nn.{name})\nr = layer(m, {given!r})" for name, given in made.items()}


LOSSES = {
    "MSELoss()": "t(3, 4), t(3, 4).detach()",
    "L1Loss(reduction='sum')": "t(3, 4), t(3, 4).detach()",
    "SmoothL1Loss(beta=0.5)": "t(9), t(9).detach()",
    "HuberLoss(delta=0.3)": "t(9), t(9).detach()",
    "CrossEntropyLoss()": "t(4, 3), ints(3, 4)",
    "CrossEntropyLoss(label_smoothing=0.2, ignore_index=1)": "t(4, 3), ints(3, 4)",
    "CrossEntropyLoss(weight=torch.tensor([1., 2., 0.5]), reduction='none')": "t(4, 3, 2), ints(3, 4, 2)",
    "CrossEntropyLoss() ": "t(4, 3), t(4, 3).detach().softmax(1)",
    "NLLLoss()": "F.log_softmax(t(4, 3), 1), ints(3, 4)",
    "BCELoss()": "torch.sigmoid(t(5)), ints(2, 5).float()",
    "BCEWithLogitsLoss(pos_weight=torch.tensor(2.0))": "t(5), ints(2, 5).float()",
    "KLDivLoss(reduction='batchmean')": "F.log_softmax(t(4, 3), 1), t(4, 3).detach().softmax(1)",
    "PoissonNLLLoss()": "t(5), ints(4, 5).float()",
    "GaussianNLLLoss()": "t(4, 2), t(4, 2).detach(), torch.ones(4, 1)",
    "HingeEmbeddingLoss()": "t(5), ints(2, 5) * 2. - 1",
    "MarginRankingLoss(0.2)": "t(5), t(5).detach(), ints(2, 5) * 2. - 1",
    "CosineEmbeddingLoss(0.1)": "t(5, 3), t(5, 3).detach(), ints(2, 5) * 2. - 1",
    "TripletMarginLoss(swap=True)": "t(3, 4), t(3, 4).detach() * 2, -t(3, 4).detach()",
    "MultiMarginLoss()": "t(4, 3), ints(3, 4)",
    "MultiLabelSoftMarginLoss()": "t(4, 3), ints(2, 4, 3).float()",
    "SoftMarginLoss()": "t(4), ints(2, 4) * 2. - 1",
    "MultiLabelMarginLoss()": "t(2, 4), torch.tensor([[3, 0, -1, 1], [1, -1, 0, 2]])",
    "CTCLoss()": "F.log_softmax(t(6, 2, 5), 2), ints(4, 2, 3) + 1, torch.tensor([6, 5]), torch.tensor([3, 2])",
    "MSELoss(size_average=False)": "t(3, 4), t(3, 4).detach()",
}

OPTIMIZERS = (
    "SGD(P, lr=0.1)",
    "SGD(P, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)",
    "SGD(P, 0.1, 0.9, 0.1)",
    "Adam(P, lr=0.1)",
    "Adam(P, lr=0.1, amsgrad=True, weight_decay=0.1, foreach=False)",
    "AdamW(P, 0.1, (0.8, 0.9))",
    "Adagrad(P, lr=0.1, lr_decay=0.1)",
    "RMSprop(P, lr=0.1, momentum=0.5, centered=True)",
    "Adadelta(P)",
    "NAdam(P, lr=0.1)",
    "RAdam(P, lr=0.1)",
    "Adamax(P, lr=0.1, weight_decay=0.1)",
    "ASGD(P, lr=0.1, t0=2)",
    "Rprop(P, 0.1)",
    "LBFGS(P, lr=0.3, max_iter=4)",
    "LBFGS(P, max_iter=6, line_search_fn='strong_wolfe')",
)
SCHEDULES = (
    "StepLR(o, 2, 0.5)",
    "MultiStepLR(o, [2, 5], gamma=0.3)",
    "ExponentialLR(o, 0.9)",
    "CosineAnnealingLR(o, 5, 0.01)",
    "CosineAnnealingWarmRestarts(o, 3, 2)",
    "LambdaLR(o, lambda e: 1 / (e + 1))",
    "LinearLR(o, 0.2, total_iters=4)",
    "OneCycleLR(o, max_lr=0.5, total_steps=9)",
    "ConstantLR(o, 0.5, 3)",
    "PolynomialLR(o, 6, 2.0)",
    "MultiplicativeLR(o, lambda e: 0.9)",
    "StepLR(o, 2.0, gamma=0.5)",
    "CyclicLR(o, 0.01, 0.1, step_size_up=3, mode='triangular2', cycle_momentum=False)",
    "CyclicLR(o, 0.01, 0.1, 2, 3, 'exp_range', 0.9, cycle_momentum=False)",
    "SequentialLR(o, [S.LinearLR(o, 0.5, total_iters=3), S.ExponentialLR(o, 0.8)], milestones=[3])",
)


IDIOMS = """
import math, copy, random
import torch.optim as optim
r = []
def show(name, *values):
    r.extend(values)
def s(*shape, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).randn(*shape).astype('float32'))
"""
"""What the pieces of course programs in idioms.txt begin with: show() notes results, s() makes numbers from a seed."""


def written(file: str) -> dict[str, str]:
    """The snippets of a file: after ``## name`` the program."""
    blocks = (Path(__file__).parent / file).read_text().split("## ")[1:]
    return {block.partition("\n")[0]: block.partition("\n")[2].strip() for block in blocks}


def all_snippets() -> dict[str, str]:
    """Every snippet by name."""
    found = written("snippets.txt") | {name: IDIOMS + code for name, code in written("idioms.txt").items()}
    found |= {f"nn.{name}": code for name, code in layers().items()}
    found |= {
        f"nn.{name}": f"a = ({given},)\nr = back(nn.{name}(*a), *[v for v in a if v.requires_grad and v.is_leaf])"
        for name, given in LOSSES.items()
    }
    found |= {f"optim.{name}": _optimizer(name) for name in OPTIMIZERS}
    found |= {f"optim.lr_scheduler.{name}": _schedule(name) for name in SCHEDULES}
    return found | written("additions.txt") | distributions.snippets()


def _optimizer(made: str) -> str:
    return f"""
P = [nn.Parameter(t(3).detach()), nn.Parameter(t(2, 2).detach())]
o = torch.optim.{made}
def closure():
    o.zero_grad()
    loss = ((P[0] - 1) ** 4).sum() + (P[1] ** 2).sum() + (P[0][0] * P[1]).sum()
    loss.backward()
    return loss
losses = [o.step(closure).item() for _ in range(4)]
r = [*P, *losses]
"""


def _schedule(made: str) -> str:
    return f"""
import torch.optim.lr_scheduler as S
o = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
s = S.{made}
r = [o.param_groups[0]['lr']]
for _ in range(8):
    o.step()
    s.step()
    r.append(o.param_groups[0]['lr'])
"""


def namespace(torch: Any) -> dict[str, Any]:
    """What a snippet sees."""
    rng = np.random.default_rng(7)
    nn = torch.nn

    def t(*shape: int) -> Any:
        return torch.tensor(rng.standard_normal(shape).astype("float32"), requires_grad=True)

    def ints(high: int, *shape: int) -> Any:
        return torch.tensor(rng.integers(0, high, shape))

    def seeded(module: Any) -> Any:
        with torch.no_grad():
            for p in module.parameters():
                p.copy_(torch.tensor(rng.uniform(-0.5, 0.5, tuple(p.shape))))
        return module

    def back(y: Any, *xs: Any) -> list[Any]:
        weights = torch.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape))).to(y.dtype)
        return [y, *(torch.autograd.grad((y * weights).sum(), xs) if xs else ())]

    def layer(m: Any, given: str) -> list[Any]:
        xs = [ints(int(g.split(",")[0][1:]), *map(int, g.split(",")[1:])) if g[0] == "i" else t(*map(int, g.split(",")))
              for g in given.split("|")]  # fmt: skip
        y = m(*xs)
        outs = flat(y)
        tensors = [v for v in (*xs, *m.parameters()) if v.requires_grad]
        total = sum(
            back(o)[0].mul(torch.tensor(np.random.default_rng(2).standard_normal(tuple(o.shape))).to(o.dtype)).sum() for o in outs
        )
        grads = torch.autograd.grad(total, tensors, allow_unused=True)
        return [*outs, *(g for g in grads if g is not None), *m.buffers()]

    def flat(y: Any) -> list[Any]:
        return [v for part in y for v in flat(part)] if isinstance(y, tuple | list) else [] if y is None else [y]

    import importlib

    f = importlib.import_module(nn.__name__ + ".functional")
    return {"torch": torch, "nn": nn, "F": f, "np": np, "t": t, "ints": ints, "seeded": seeded, "back": back, "layer": layer}


def plain(value: Any) -> Any:
    """A result as JSON: tensors as their dtype, shape and numbers."""
    if hasattr(value, "detach"):
        a = value.detach()
        a = a.numpy_copy() if hasattr(a, "numpy_copy") else a.resolve_conj().resolve_neg().numpy()
        return {"dtype": a.dtype.name, "shape": list(a.shape), "values": [_number(v) for v in a.reshape(-1).tolist()]}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return _number(value)


def _number(value: Any) -> Any:
    return (
        float(f"{value:.7g}")
        if isinstance(value, float) and np.isfinite(value)
        else repr(value)
        if isinstance(value, float)
        else value
    )


def run(code: str, torch: types.ModuleType) -> Any:
    """The result of a snippet."""
    seen = namespace(torch)
    exec(code, seen)  # noqa: S102 - snippets of this file
    return plain(seen["r"])
