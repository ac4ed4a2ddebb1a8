"""Adversarial images by the sign of the gradient of the input, as in the tutorial."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, 1)
        self.conv2 = nn.Conv2d(4, 4, 2, 1)
        self.fc1 = nn.Linear(16, 3)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.leaky_relu(self.conv2(x), negative_slope=0.1, inplace=True)
        x = F.avg_pool2d(x, kernel_size=1)
        x = x.view(-1, 16)
        return F.log_softmax(self.fc1(x), dim=1)


def fgsm_attack(image, epsilon, data_grad):
    sign_data_grad = data_grad.sign()
    perturbed_image = image + epsilon * sign_data_grad
    return torch.clamp(perturbed_image, 0, 1)


def attack(model, images, labels, epsilon):
    correct, total = 0, 0.0
    for i in range(len(images)):
        data, target = images[i : i + 1].clone(), labels[i : i + 1]
        data.requires_grad = True
        output = model(data)
        loss = F.nll_loss(output, target)
        model.zero_grad()
        loss.backward()
        perturbed = fgsm_attack(data, epsilon, data.grad.data)
        output = model(perturbed)
        final_pred = output.max(1, keepdim=True)[1]
        total += F.nll_loss(output, target).item()
        if final_pred.item() == target.item():
            correct += 1
    print(f"Epsilon: {epsilon}\tTest Accuracy = {correct} / {len(images)} = {correct / float(len(images))}")
    return total / len(images)


def main():
    rng = np.random.RandomState(14)
    model = Net()
    for p in model.parameters():
        p.data.copy_(torch.from_numpy(rng.uniform(-0.5, 0.5, p.shape)))
    images = torch.from_numpy(rng.rand(20, 1, 8, 8)).to(torch.float32)
    labels = torch.from_numpy(rng.randint(0, 3, 20)).long()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    losses = []
    for step in range(16):
        optimizer.zero_grad()
        loss = F.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    for eps in [0, 0.05, 0.1, 0.2]:
        losses.append(attack(model, images, labels, eps))
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
