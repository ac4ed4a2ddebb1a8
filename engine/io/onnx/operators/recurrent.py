"""LSTM, GRU and RNN: whole sequences by one op where ONNX's options allow it, else step by step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ....errors import OnnxError
from .. import namespace as dl
from ..table import operator, prepared
from ..values import Host, ints

_ACTIVATIONS = {
    "Sigmoid": (lambda x, a, b: dl.sigmoid(x), 0, 0), "Tanh": (lambda x, a, b: dl.tanh(x), 0, 0),
    "Relu": (lambda x, a, b: dl.relu(x), 0, 0), "Affine": (lambda x, a, b: a * x + b, 1.0, 0.0),
    "LeakyRelu": (lambda x, a, b: dl.leaky_relu(x, negative_slope=a), 0.01, 0),
    "ThresholdedRelu": (lambda x, a, b: dl.where(dl.greater(x, a), x, dl.zeros_like(x)), 1.0, 0),
    "ScaledTanh": (lambda x, a, b: a * dl.tanh(b * x), 1.0, 1.0),
    "HardSigmoid": (lambda x, a, b: dl.clip(a * x + b, 0, 1), 0.2, 0.5), "Elu": (lambda x, a, b: dl.elu(x, alpha=a), 1.0, 0),
    "Softsign": (lambda x, a, b: dl.softsign(x), 0, 0), "Softplus": (lambda x, a, b: dl.softplus(x), 0, 0),
}  # fmt: skip


class RecurrentOptions(NamedTuple):
    """The attributes of LSTM, GRU and RNN, each of which has some of them."""

    activation_alpha: Any = None
    activation_beta: Any = None
    activations: Any = None
    clip: float = 0.0
    direction: str = "forward"
    hidden_size: Any = None
    input_forget: int = 0
    layout: int = 0
    linear_before_reset: int = 0
    output_sequence: int = 0


def activation(name, alphas, betas):
    """An activation with its next numbers, if it has any."""
    found = next((v for k, v in _ACTIVATIONS.items() if k.lower() == name.lower()), None)
    if found is None:
        raise OnnxError(f"the activation {name} is not known")
    function, alpha, beta = found
    takes = name.lower() in ("affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu")
    two = name.lower() in ("affine", "scaledtanh", "hardsigmoid")
    a = alphas.pop(0) if takes and alphas else alpha
    b = betas.pop(0) if two and betas else beta
    return lambda x: function(x, a, b)


class Settings:
    """What the three kinds have in common: directions, layout, activations and clipping."""

    def __init__(self, x, r, defaults, options):
        self.layout, self.hidden = options.layout, r.shape[-1]
        self.directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[options.direction]
        count = len(self.directions)
        names = options.activations or defaults * count
        self.usual = [n.lower() for n in names] == [n.lower() for n in defaults] * count and not options.clip
        self.first = [n.lower() for n in names[: len(defaults)]]
        self.same = names == names[: len(defaults)] * count and not options.clip
        alphas, betas = list(options.activation_alpha or ()), list(options.activation_beta or ())
        made = [activation(n, alphas, betas) for n in names]
        self.functions = [made[len(defaults) * k : len(defaults) * (k + 1)] for k in range(count)]
        self.clip = options.clip
        self.x = dl.permute_dims(x, (1, 0, 2)) if self.layout else x

    def start(self, given, k):
        """The initial state of a direction."""
        if given is None:
            return dl.zeros((self.x.shape[1], self.hidden), dtype=self.x.dtype, device=self.x.device)
        return given[:, k] if self.layout else given[k]

    def clipped(self, x):
        return dl.clip(x, -self.clip, self.clip) if self.clip else x

    def outputs(self, sequences, *finals):
        """The sequences and final states of all directions in ONNX's shapes."""
        y = dl.stack(sequences, axis=1)
        states = [dl.stack(list(f), axis=1 if self.layout else 0) for f in finals]
        return (dl.permute_dims(y, (2, 0, 1, 3)) if self.layout else y, *states)

    def loop(self, k, states, step, lengths):
        """Run step(x_t, states) over time; beyond its length a sequence keeps its state and gives zeros."""
        time = range(self.x.shape[0])
        outs = {}
        for t in reversed(time) if self.directions[k] else time:
            new = step(self.x[t], states)
            if lengths is not None:
                runs = dl.asarray((lengths > t)[:, None], device=self.x.device)
                new = tuple(dl.where(runs, a, b) for a, b in zip(new, states, strict=True))
                outs[t] = dl.where(runs, new[0], dl.zeros_like(new[0]))
            else:
                outs[t] = new[0]
            states = new
        return dl.stack([outs[t] for t in time]), states


def blocks(weight, order):
    """The gates of a weight in another order, along its first axis."""
    parts = dl.split(weight, (weight.shape[0] // len(order),) * len(order), axis=0)
    return dl.concat([parts[j] for j in order], axis=0)


def halves(bias, k):
    """The input's and the state's bias of a direction."""
    found: Any = (None, None) if bias is None else tuple(dl.split(bias[k], (bias.shape[1] // 2,) * 2, axis=0))
    return found


@operator("LSTM", options=RecurrentOptions)
def lstm(x, w, r, bias=None, lengths: Host = None, *states, options):
    """Gates in the order i, o, f, c; the states are h, c and the weights of peepholes."""
    initial_h, initial_c, peepholes = (*states, None, None, None)[:3]
    input_forget = options.input_forget
    s = Settings(x, r, ["Sigmoid", "Tanh", "Tanh"], options)
    found = []
    for k, reverse in enumerate(s.directions):
        h, c = s.start(initial_h, k), s.start(initial_c, k)
        of_input, of_state = halves(bias, k)
        if s.usual and peepholes is None and not input_forget:
            order = (0, 2, 3, 1)
            b = None if bias is None else blocks(of_input + of_state, order)
            n = None if lengths is None else ints(lengths)
            found.append(dl.lstm(s.x, h, c, blocks(w[k], order), blocks(r[k], order), b, n, reverse=reverse))
            continue
        step = lstm_step(s, k, (w[k], r[k], of_input, of_state), peepholes, input_forget)
        y, (h, c) = s.loop(k, (h, c), step, lengths)
        found.append((y, h, c))
    return s.outputs(*zip(*found, strict=True))


@prepared("LSTM", "OrderedLSTM")
def ordered_lstm_weights(options, given):
    """Weights and bias with their gates in the order i, f, g, o."""
    w, r, bias = (*given, None)[1:4]
    peepholes = len(given) > 7 and given[7] is not None
    weights = [w, r, *([] if bias is None else [bias])]
    if not all(isinstance(v, np.ndarray) for v in weights) or peepholes or options.clip or options.input_forget:
        return None
    if options.activations is not None:
        return None

    def in_order(x):
        return np.concatenate([np.split(x, 4, axis=1)[j] for j in (0, 2, 3, 1)], axis=1)

    b = None if bias is None else in_order(sum(np.split(bias, 2, axis=1)))
    return {1: in_order(w), 2: in_order(r), **({} if b is None else {3: b})}


@operator("OrderedLSTM", domain="dlengine", options=RecurrentOptions)
def ordered_lstm(x, w, r, bias=None, lengths: Host = None, *states, options):
    """LSTM whose weights have the order of ``dl.lstm``."""
    s = Settings(x, r, ["Sigmoid", "Tanh", "Tanh"], options)
    initial = (*states, None, None)[:2]
    n = None if lengths is None else ints(lengths)
    found = []
    for k, reverse in enumerate(s.directions):
        h, c = (s.start(state, k) for state in initial)
        found.append(dl.lstm(s.x, h, c, w[k], r[k], None if bias is None else bias[k], n, reverse=reverse))
    return s.outputs(*zip(*found, strict=True))


def lstm_step(s, k, weights, peepholes, input_forget):
    w, r, of_input, of_state = weights
    f, g, out = s.functions[k]
    pi, po, pf = (None,) * 3 if peepholes is None else dl.split(peepholes[k], (s.hidden,) * 3, axis=0)

    def step(x, states):
        h, c = states
        gates = dl.linear(x, w, of_input) + dl.linear(h, r, of_state)
        i, o, forget, new = dl.split(gates, (s.hidden,) * 4, axis=1)
        i = f(s.clipped(i if pi is None else i + pi * c))
        forget = 1 - i if input_forget else f(s.clipped(forget if pf is None else forget + pf * c))
        c = forget * c + i * g(s.clipped(new))
        o = f(s.clipped(o if po is None else o + po * c))
        return o * out(c), c

    return step


@operator("GRU", options=RecurrentOptions)
def gru(x, w, r, bias=None, lengths: Host = None, initial_h=None, *, options):
    """Gates in the order z, r, h; by default the reset gate acts before the product."""
    linear_before_reset = options.linear_before_reset
    s = Settings(x, r, ["Sigmoid", "Tanh"], options)
    found = []
    for k, reverse in enumerate(s.directions):
        h = s.start(initial_h, k)
        of_input, of_state = halves(bias, k)
        if s.usual and linear_before_reset:
            order = (1, 0, 2)
            one, two = (None if b is None else blocks(b, order) for b in (of_input, of_state))
            n = None if lengths is None else ints(lengths)
            found.append(dl.gru(s.x, h, blocks(w[k], order), blocks(r[k], order), one, two, n, reverse=reverse))
            continue
        y, (h,) = s.loop(k, (h,), gru_step(s, k, (w[k], r[k], of_input, of_state), linear_before_reset), lengths)
        found.append((y, h))
    return s.outputs(*zip(*found, strict=True))


def gru_step(s, k, weights, linear_before_reset):
    w, r, of_input, of_state = weights
    f, g = s.functions[k]
    gates, last = dl.split(r, (2 * s.hidden, s.hidden), axis=0)
    of_gates, of_last = (None, None) if of_state is None else dl.split(of_state, (2 * s.hidden, s.hidden), axis=0)

    def step(x, states):
        (h,) = states
        given = dl.linear(x, w, of_input)
        z, reset = dl.split(given[:, : 2 * s.hidden] + dl.linear(h, gates, of_gates), (s.hidden, s.hidden), axis=1)
        z, reset = f(s.clipped(z)), f(s.clipped(reset))
        old = reset * dl.linear(h, last, of_last) if linear_before_reset else dl.linear(reset * h, last, of_last)
        new = g(s.clipped(given[:, 2 * s.hidden :] + old))
        return ((1 - z) * new + z * h,)

    return step


@operator("RNN", options=RecurrentOptions)
def rnn(x, w, r, bias=None, lengths: Host = None, initial_h=None, *, options):
    s = Settings(x, r, ["Tanh"], options)
    found = []
    for k, reverse in enumerate(s.directions):
        h = s.start(initial_h, k)
        of_input, of_state = halves(bias, k)
        if s.same and s.first[0] in ("tanh", "relu"):
            b = None if bias is None else of_input + of_state
            n = None if lengths is None else ints(lengths)
            found.append(dl.rnn(s.x, h, w[k], r[k], b, n, nonlinearity=s.first[0], reverse=reverse))
            continue
        (f,) = s.functions[k]

        def step(x, states, k=k, f=f, of_input=of_input, of_state=of_state):
            return (f(s.clipped(dl.linear(x, w[k], of_input) + dl.linear(states[0], r[k], of_state))),)

        y, (h,) = s.loop(k, (h,), step, lengths)
        found.append((y, h))
    return s.outputs(*zip(*found, strict=True))
