"""A siamese network on pairs made by a Dataset, with a contrastive loss of the program's own and a triplet loss."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    def __init__(self, n):
        self.rng = np.random.RandomState(12)
        self.images = self.rng.rand(n, 1, 8, 8).astype(np.float32)
        self.labels = self.rng.randint(0, 3, n)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        other = (index * 7 + 3) % len(self)
        same = int(self.labels[index] == self.labels[other])
        return torch.from_numpy(self.images[index]), torch.from_numpy(self.images[other]), torch.tensor([same], dtype=torch.float)


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn1 = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(1, 4, kernel_size=3), nn.ReLU(inplace=True), nn.BatchNorm2d(4), nn.Dropout2d(p=0.0),
            nn.ReflectionPad2d(1), nn.Conv2d(4, 4, kernel_size=3), nn.ELU(), nn.MaxPool2d(2),
        )
        self.fc1 = nn.Sequential(nn.Linear(4 * 4 * 4, 10), nn.PReLU(), nn.Linear(10, 5))

    def forward_once(self, x):
        output = self.cnn1(x)
        output = output.view(output.size()[0], -1)
        return self.fc1(output)

    def forward(self, input1, input2):
        return self.forward_once(input1), self.forward_once(input2)


class ContrastiveLoss(torch.nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, output1, output2, label):
        distance = F.pairwise_distance(output1, output2, keepdim=True)
        return torch.mean((1 - label) * torch.pow(distance, 2)
                          + label * torch.pow(torch.clamp(self.margin - distance, min=0.0), 2))


def main():
    net = SiameseNetwork()
    rng = np.random.RandomState(13)
    for n, p in net.named_parameters():
        if p.dim() > 1:
            with torch.no_grad():
                p.copy_(torch.as_tensor(rng.normal(0, 0.2, p.shape)))
        elif "bias" in n:
            nn.init.zeros_(p)
    criterion, triplet = ContrastiveLoss(), nn.TripletMarginLoss(margin=0.5)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.005, momentum=0.9)
    loader = DataLoader(Pairs(24), batch_size=6, shuffle=False, drop_last=True)
    losses = []
    for epoch in range(5):
        for i, (img0, img1, label) in enumerate(loader, 0):
            optimizer.zero_grad()
            output1, output2 = net(img0, img1)
            loss = criterion(output1, output2, label) + 0.1 * triplet(output1, output2, output1.flip(0).detach())
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    similarity = F.cosine_similarity(output1, output2)
    losses.append(similarity.mean().item())
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
