"""A variational autoencoder with noise from NumPy, so that two libraries draw the same."""

import numpy as np
import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F

RNG = np.random.RandomState(2)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(16, 12)
        self.fc21 = nn.Linear(12, 3)
        self.fc22 = nn.Linear(12, 3)
        self.fc3 = nn.Linear(3, 12)
        self.fc4 = nn.Linear(12, 16)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.zeros_like(std) + torch.from_numpy(RNG.randn(*std.shape)).type_as(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 16))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 16), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def main():
    model = VAE()
    for name, p in model.named_parameters():
        p.data = torch.tensor(RNG.uniform(-0.4, 0.4, p.shape), dtype=p.dtype)
    data = torch.tensor((RNG.rand(40, 1, 4, 4) > 0.5).astype(np.float32))
    loader = torch.utils.data.DataLoader(data, batch_size=10)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for epoch in range(5):
        train_loss = 0
        for batch_idx, x in enumerate(loader):
            optimizer.zero_grad()
            recon, mu, logvar = model(x)
            loss = loss_function(recon, x, mu, logvar)
            loss.backward()
            train_loss += loss.item()
            optimizer.step()
            losses.append(loss.item() / len(x))
        print(f"Epoch: {epoch} Average loss: {train_loss / len(loader.dataset):.4f}")
    with torch.no_grad():
        sample = model.decode(torch.ones(2, 3)).cpu()
        comparison = torch.cat([data[:2], sample.view(2, 1, 4, 4)])
    losses.append(comparison.mean().item())
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
