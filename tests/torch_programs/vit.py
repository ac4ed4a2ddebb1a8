"""A vision transformer: patches by unfold, a class token, nn.TransformerEncoder, label smoothing, warm-up by LambdaLR."""

import numpy as np
import torch
from torch import nn


class ViT(nn.Module):
    def __init__(self, patch=4, image=8, dim=12, depth=2, heads=3, classes=4):
        super().__init__()
        self.patch = patch
        count = (image // patch) ** 2
        self.to_patch = nn.Linear(3 * patch * patch, dim)
        self.pos = nn.Parameter(torch.randn(1, count + 1, dim))
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        layer = nn.TransformerEncoderLayer(d_model=dim, nhead=heads, dim_feedforward=24, dropout=0.0, activation="gelu",
                                           batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=depth, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, classes))

    def forward(self, img):
        b, p = img.shape[0], self.patch
        x = img.unfold(2, p, p).unfold(3, p, p)
        x = x.permute(0, 2, 3, 1, 4, 5).reshape(b, -1, 3 * p * p)
        x = self.to_patch(x)
        x = torch.cat([self.cls.expand(b, -1, -1), x], dim=1)
        x = x + self.pos[:, : x.size(1)]
        x = self.encoder(x)
        return self.head(x[:, 0])


def main():
    rng = np.random.RandomState(9)
    model = ViT()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" not in name and not name.startswith("head.0"):
                p.copy_(torch.from_numpy(rng.uniform(-0.3, 0.3, p.shape)))
    images = torch.from_numpy(rng.rand(24, 3, 8, 8)).float()
    labels = torch.from_numpy(rng.randint(0, 4, 24))
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 5))
    losses = []
    for step in range(20):
        i = (step % 3) * 8
        loss = criterion(model(images[i : i + 8]), labels[i : i + 8])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    model.eval()
    with torch.inference_mode():
        probabilities = model(images).softmax(dim=-1)
    losses.append(probabilities.amax(dim=-1).mean().item())
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
