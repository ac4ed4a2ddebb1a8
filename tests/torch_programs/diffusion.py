"""A denoising diffusion model of points in the plane: schedules, time embedding, EMA of weights, sampling, lazy layers."""

import copy
import math
from functools import partial

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import MultivariateNormal, Normal

rng = np.random.RandomState(11)
T = 30


def cosine_beta_schedule(timesteps, s=0.008):
    x = torch.linspace(0, timesteps, timesteps + 1)
    alphas_cumprod = torch.cos(((x / timesteps) + s) / (1 + s) * torch.pi * 0.5) ** 2
    alphas_cumprod = alphas_cumprod / alphas_cumprod[0]
    betas = 1 - (alphas_cumprod[1:] / alphas_cumprod[:-1])
    return torch.clip(betas, 0.0001, 0.9999)


betas = cosine_beta_schedule(T)
alphas = 1.0 - betas
alphas_cumprod = torch.cumprod(alphas, axis=0)
alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
posterior_variance = betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)


def extract(a, t, x_shape):
    out = a.gather(-1, t.cpu())
    return out.reshape(t.shape[0], *((1,) * (len(x_shape) - 1))).to(t.device)


class SinusoidalPositionEmbeddings(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, time):
        half_dim = self.dim // 2
        embeddings = math.log(10000) / (half_dim - 1)
        embeddings = torch.exp(torch.arange(half_dim, device=time.device) * -embeddings)
        embeddings = time[:, None] * embeddings[None, :]
        return torch.cat((embeddings.sin(), embeddings.cos()), dim=-1)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.lin1, self.lin2 = nn.GroupNorm(4, width), nn.LazyLinear(width), nn.LazyLinear(width)
        self.time = nn.Sequential(nn.SiLU(), nn.LazyLinear(2 * width))
        self.gain = nn.ParameterDict({"skip": torch.ones(1), "out": nn.Parameter(torch.full((1,), 0.5))})

    def forward(self, x, t):
        scale, shift = self.time(t).chunk(2, dim=1)
        h = self.norm(self.lin1(x)) * (scale + 1) + shift
        return x * self.gain["skip"] + self.lin2(F.silu(h)) * self.gain["out"]


class Denoiser(nn.Module):
    def __init__(self, width=16, depth=2):
        super().__init__()
        self.time_mlp = nn.Sequential(SinusoidalPositionEmbeddings(8), nn.LazyLinear(width), nn.GELU())
        self.inp, self.out = nn.LazyLinear(width), nn.LazyLinear(2)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.scales = nn.ParameterList([nn.Parameter(torch.zeros(1)) for _ in range(depth)])

    def forward(self, x, t):
        t = self.time_mlp(t)
        x = self.inp(x)
        for block, s in zip(self.blocks, self.scales):
            x = block(x, t) * torch.exp(s)
        return self.out(x)


class EMA:
    def __init__(self, beta):
        self.beta, self.step = beta, 0

    def update(self, ma_model, model):
        for current, ma in zip(model.parameters(), ma_model.parameters()):
            ma.data = ma.data * self.beta + (1 - self.beta) * current.data


def moons(n):
    a = rng.uniform(0, math.pi, n)
    up = rng.rand(n) < 0.5
    x = np.where(up, np.cos(a), 1 - np.cos(a)) - 0.5
    y = np.where(up, np.sin(a), 0.5 - np.sin(a)) - 0.25
    return torch.tensor(np.stack([x, y], 1) + 0.05 * rng.normal(size=(n, 2)), dtype=torch.float32)


def q_sample(x_start, t, noise):
    return extract(alphas_cumprod.sqrt(), t, x_start.shape) * x_start + extract((1 - alphas_cumprod).sqrt(), t, x_start.shape) * noise


model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)  # before the first call, as some programs do
model(torch.zeros(2, 2), torch.zeros(2, dtype=torch.long))
print(model.blocks[0].lin1, sum(p.numel() for p in model.parameters()))


@torch.no_grad()
def init_weights(m, scale):
    if isinstance(m, nn.Linear):
        m.weight.copy_(torch.as_tensor(rng.normal(0, scale / math.sqrt(m.in_features), size=tuple(m.weight.shape))))
        m.bias.zero_()


model.apply(partial(init_weights, scale=1.0))
ema_model, ema = copy.deepcopy(model).eval().requires_grad_(False), EMA(0.9)
losses = []
for epoch in range(25):
    x0 = moons(16)
    t = torch.from_numpy(rng.randint(0, T, size=(x0.shape[0],))).long()
    noise = torch.as_tensor(rng.standard_normal(x0.shape), dtype=x0.dtype)
    predicted = model(q_sample(x0, t, noise), t)
    loss = F.smooth_l1_loss(noise, predicted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update(ema_model, model)
    losses.append(loss.item())


@torch.no_grad()
def sample(net, n):
    img = torch.as_tensor(rng.standard_normal((n, 2)), dtype=torch.float32)
    for i in reversed(range(0, T)):
        t = torch.full((n,), i, dtype=torch.long)
        mean = extract(1.0 / alphas.sqrt(), t, img.shape) * (
            img - extract(betas, t, img.shape) * net(img, t) / extract((1.0 - alphas_cumprod).sqrt(), t, img.shape))
        if i > 0:
            mean = mean + torch.sqrt(extract(posterior_variance, t, img.shape)) * torch.as_tensor(rng.standard_normal((n, 2))).float()
        img = mean.clamp_(-3, 3)
    return img


points = sample(ema_model, 32)
prior = MultivariateNormal(torch.zeros(2), torch.eye(2))
losses += [points.mean().item(), points.std().item(), torch.cov(points.T)[0, 1].item(), prior.log_prob(points).mean().item(),
           Normal(0.0, 1.0).log_prob(points).sum(1).mean().item()]
d = torch.cdist(points, moons(20))
losses.append(d.min(dim=1)[0].mean().item())
hist = torch.histc(points[:, 0], bins=4, min=-2, max=2)
print("histogram", hist.tolist(), f"{points.abs().max():.2f}")
for loss in losses:
    print(loss)
