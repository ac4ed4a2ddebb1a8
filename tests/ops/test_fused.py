"""Ops written from declarations: what their definitions call, what they guard, and what users see of them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import dlengine as dl
from dlengine.autograd.op import OPS
from dlengine.kernels.registry import declaration
from dlengine.nn import functional as F  # noqa: N812 - as PyTorch users know it
from dlengine.ops import fused, primitives

RNN = '''def rnn(xp, save, x, h0, w_ih, w_hh, bias, lengths, /, *, reverse, nonlinearity):
    y, h, residuals = xp.rnn(x, h0, w_ih, w_hh, bias, lengths, reverse, nonlinearity, save)
    def pull(g, need):
        gy, gh = g
        gx, gh0, gw_ih, gw_hh, gbias = xp.rnn_grad(gy, gh, x, h0, w_ih, w_hh, bias, lengths, reverse, nonlinearity, residuals)
        return gx, gh0, gw_ih, gw_hh, gbias, None
    return (y, h), pull'''


def test_a_definition_finds_arguments_by_name() -> None:
    assert fused._Text("rnn", "", "", None).definition() == RNN


def test_arrays_are_reshaped_to_the_letters_that_are_named() -> None:
    text = fused._Text("rms_norm", "M D", "rstd", None).definition()
    assert "xp.rms_norm(shaped(xp, x, (M, D,)), shaped(xp, weight, (D,)), eps)" in text
    assert "return shaped(xp, y, x.shape), pull, rstd" in text


@pytest.mark.parametrize(
    ("op", "needs"),
    [
        (primitives.conv2d, ("weight", "x", "")),
        (primitives.conv2d_input_grad, ("weight", "gy")),
        (primitives.conv2d_weight_grad, ("gy", "x")),
        (primitives.max_pool2d, ("y1",)),
        (primitives.max_pool2d_scatter, ("index", "")),
        (primitives.embedding, ("ids", "")),
        (primitives.dropout, ("",)),
        (primitives.unfold2d, ("",)),
    ],
)
def test_adjoint_ops_guard_what_their_pullbacks_read(op: Any, needs: tuple[str, ...]) -> None:
    assert op.op.needs == needs


def test_outputs_without_a_cotangent_carry_no_gradient() -> None:
    assert OPS["batch_norm"].op.constants == {1, 2}  # type: ignore[attr-defined]
    assert "gmean" not in declaration("batch_norm_grad").names


def test_users_see_the_function_they_call() -> None:
    signature = inspect.signature(dl.lstm)
    assert [*signature.parameters] == ["x", "h0", "c0", "w_ih", "w_hh", "bias", "lengths", "reverse"]
    assert signature.return_annotation == "tuple[Tensor, Tensor, Tensor]"
    assert inspect.unwrap(dl.lstm).__code__.co_filename.endswith("recurrent.py")
    assert (F.layer_norm.__doc__ or "").startswith("Normalise over the last axes")


def test_the_number_of_arguments_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPS, "group_norm", OPS["group_norm"])  # put back afterwards

    @fused.kernel_op("group_norm", needs="x weight")
    def forgetful(x: Any) -> Any:
        return fused.arguments(x, None, None, 1)

    with pytest.raises(ValueError, match="not enough values"):
        forgetful(dl.ones((1, 2)))


def test_a_kernel_without_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPS, "silu", OPS["silu"])  # put back afterwards

    @fused.kernel_op("silu", needs="x")
    def silu(x: dl.Tensor) -> dl.Tensor:
        """The kernel and its gradient."""
        return fused.arguments(x)

    x = dl.tensor([-1.0, 0.5, 3.0], requires_grad=True)
    assert (silu(x).numpy_copy() == dl.silu(x).numpy_copy()).all()
    assert (dl.gradients(silu(x).sum(), x).numpy_copy() == dl.gradients(dl.silu(x).sum(), x).numpy_copy()).all()
