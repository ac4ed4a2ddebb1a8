"""A multilayer perceptron on points of a spiral, with Adam, a schedule and an evaluation."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.drop = nn.Dropout(0.0)
        self.fc3 = nn.Linear(hidden, 3)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        x = self.drop(torch.tanh(self.fc2(x)))
        return F.log_softmax(self.fc3(x), dim=1)


def main():
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rng = np.random.RandomState(0)
    angle = rng.rand(120) * 4
    label = np.arange(120) % 3
    points = np.stack([angle * np.sin(angle + 2 * label), angle * np.cos(angle + 2 * label)], 1) / 4
    inputs = torch.from_numpy(points.astype(np.float32))
    targets = torch.tensor(label, dtype=torch.long)
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=30, shuffle=False, num_workers=0, pin_memory=False)
    model = Net(16).to(device)
    weights(model, rng)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.7)
    losses = []
    for epoch in range(5):
        model.train()
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for data, target in loader:
            pred = model(data.to(device)).argmax(dim=1, keepdim=True)
            correct += pred.eq(target.to(device).view_as(pred)).sum().item()
    losses.append(correct / len(loader.dataset))
    return losses


def weights(model, rng):
    """Give every parameter numbers that do not come from the library's own generator."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.from_numpy((rng.rand(*p.shape) - 0.5).astype(np.float32)) * (0.8 if p.dim() > 1 else 0.2))


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
