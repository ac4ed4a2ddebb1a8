"""A small DCGAN: transposed convolutions, batch norm, two optimizers, labels filled in place."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.autograd import Variable

torch.backends.cudnn.benchmark = True
RNG = np.random.RandomState(3)


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        m.weight.data.copy_(torch.from_numpy(RNG.normal(0, 0.1, m.weight.shape)))
    elif classname.find("BatchNorm") != -1:
        m.weight.data.copy_(torch.from_numpy(RNG.normal(1, 0.02, m.weight.shape)))
        torch.nn.init.zeros_(m.bias)


class Generator(nn.Module):
    def __init__(self, nz, ngf):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf * 2), nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, 1, 4, 2, 1, bias=False), nn.Tanh(),
        )

    def forward(self, input):
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self, ndf):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(ndf * 2), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 2, 1, 0, bias=False), nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input).view(-1, 1).squeeze(1)


def main():
    netG, netD = Generator(6, 4), Discriminator(4)
    netG.apply(weights_init)
    netD.apply(weights_init)
    criterion = nn.BCELoss()
    optimizerD = optim.Adam(netD.parameters(), lr=0.002, betas=(0.5, 0.999))
    optimizerG = optim.Adam(netG.parameters(), lr=0.002, betas=(0.5, 0.999))
    real_label, fake_label, losses = 1.0, 0.0, []
    for step in range(10):
        real = torch.FloatTensor(RNG.rand(8, 1, 8, 8) * 2 - 1)
        netD.zero_grad()
        label = torch.full((real.size(0),), real_label, dtype=real.dtype)
        output = netD(Variable(real))
        errD_real = criterion(output, label)
        errD_real.backward()
        noise = torch.from_numpy(RNG.randn(8, 6, 1, 1)).float()
        fake = netG(noise)
        label.fill_(fake_label)
        errD_fake = criterion(netD(fake.detach()), label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        optimizerD.step()
        netG.zero_grad()
        label.fill_(real_label)
        errG = criterion(netD(fake), label)
        errG.backward()
        optimizerG.step()
        print("[%d] Loss_D: %.4f Loss_G: %.4f" % (step, errD.item(), errG.item()))
        losses += [errD.item(), errG.item()]
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
