"""autograd.Function with saved tensors, used in a polynomial and in a layer, with a gradient penalty by autograd.grad."""

import math

import numpy as np
import torch


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


class ScaledReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, slope):
        ctx.slope = slope
        ctx.save_for_backward(x, scale)
        return x.clamp(min=0) * scale

    @staticmethod
    def backward(ctx, grad_output):
        x, scale = ctx.saved_tensors
        grad_x = grad_output.clone() * scale
        grad_x[x < 0] = ctx.slope
        return grad_x, (grad_output * x.clamp(min=0)).sum(), None


def main():
    dtype, device = torch.float, torch.device("cpu")
    x = torch.linspace(-math.pi, math.pi, 200, device=device, dtype=dtype)
    y = torch.sin(x)
    a = torch.full((), 0.0, device=device, dtype=dtype, requires_grad=True)
    b = torch.full((), -1.0, device=device, dtype=dtype, requires_grad=True)
    c = torch.full((), 0.0, device=device, dtype=dtype, requires_grad=True)
    d = torch.full((), 0.3, device=device, dtype=dtype, requires_grad=True)
    learning_rate, losses = 5e-5, []
    for t in range(10):
        P3 = LegendrePolynomial3.apply
        y_pred = a + b * P3(c + d * x)
        loss = (y_pred - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            a -= learning_rate * a.grad
            b -= learning_rate * b.grad
            c -= learning_rate * c.grad
            d -= learning_rate * d.grad
            a.grad = None
            b.grad = None
            c.grad = None
            d.grad = None
    rng = np.random.RandomState(17)
    w = torch.tensor(rng.randn(4, 3), requires_grad=True)
    scale = torch.tensor(1.5, dtype=torch.double, requires_grad=True)
    data = torch.from_numpy(rng.randn(6, 4)).requires_grad_()
    optimizer = torch.optim.SGD([w, scale], lr=0.05)
    for t in range(10):
        out = ScaledReLU.apply(data.mm(w), scale, 0.01)
        smooth = torch.tanh(data @ w).sum(1)
        gradient = torch.autograd.grad(smooth, data, grad_outputs=torch.ones_like(smooth), create_graph=True)[0]
        penalty = ((gradient.norm(2, dim=1) - 1) ** 2).mean()
        loss = (out - 1).pow(2).mean() + penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
