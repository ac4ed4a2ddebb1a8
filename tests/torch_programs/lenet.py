"""LeNet with average pooling and SGD with momentum, and the accuracy by max(1)."""

import numpy as np
import torch
from torch import nn, optim


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.AvgPool2d(2),
            nn.Conv2d(4, 8, 3),
            nn.BatchNorm2d(8),
            nn.ReLU(True),
            nn.MaxPool2d(kernel_size=2, stride=2),
        )
        self.classifier = nn.Sequential(nn.Linear(8 * 2 * 2, 16), nn.Sigmoid(), nn.Linear(16, 4))

    def forward(self, x):
        x = self.features(x)
        x = torch.flatten(x, 1)
        return self.classifier(x)


def init_weights(m):
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        fan = m.weight[0].numel()
        values = np.random.RandomState(fan).randn(*m.weight.size()) / fan**0.5
        m.weight.data.copy_(torch.from_numpy(values).float())
        m.bias.data.fill_(0.01)


def main():
    rng = np.random.RandomState(1)
    images = rng.rand(64, 1, 12, 12).astype("float32")
    labels = (images[:, 0, :6].mean((1, 2)) > images[:, 0, 6:].mean((1, 2))) * 2 + (images[:, 0, :, 0].mean(1) > 0.5)
    x, y = torch.from_numpy(images), torch.from_numpy(labels.astype("int64"))
    net = LeNet()
    net.apply(init_weights)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.2, momentum=0.9, nesterov=True)
    losses = []
    for step in range(20):
        i = step % 4
        inputs, targets = x[i * 16 : (i + 1) * 16], y[i * 16 : (i + 1) * 16]
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        _, predicted = net(x).max(1)
        total = y.size(0)
        correct = predicted.eq(y).sum().item()
    print("Accuracy: %.3f%% (%d/%d)" % (100.0 * correct / total, correct, total))
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
