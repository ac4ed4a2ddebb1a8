"""Networks that training steps and inference share, made of the layers of a framework (fw); the same text for each.

Sizes have letters as in definitions.py; heads: of attention, patch: the side of a square of pixels.
"""

from __future__ import annotations

from typing import Any

from .definitions import Framework


def mlp(fw: Framework, *, I: int, H: int, classes: int) -> Any:
    """I - H - classes, with ReLU."""
    return fw.nn.Sequential(fw.nn.Linear(I, H), fw.nn.ReLU(), fw.nn.Linear(H, classes))


def cnn(fw: Framework, *, H: int, K: int, hidden: int, dropout: float = 0.5) -> Any:
    """conv - conv - pool - dropout - linear - linear, as in many MNIST tutorials."""
    nn = fw.nn
    features = 2 * K * ((H - 4) // 2) ** 2
    return nn.Sequential(
        nn.Conv2d(1, K, 3), nn.ReLU(), nn.Conv2d(K, 2 * K, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(dropout), nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 10),
    )  # fmt: skip


def resnet(fw: Framework, *, H: int, width: int, blocks: int) -> Any:
    """ResNet-20 for three blocks a stage: three stages of residual blocks, widths doubling.

    Source: He et al. 2016, arXiv:1512.03385.
    """
    nn = fw.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            same = inputs == outputs and stride == 1
            self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(fw.relu(self.bn1(self.conv1(x)))))
            return fw.add_relu(y, self.shortcut(x))

    layers = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for stage in range(3):
        for block in range(blocks):
            first = block == 0 and stage > 0
            layers.append(Block(width << (stage - first), width << stage, 2 if first else 1))
    layers += [nn.AvgPool2d(H // 4), nn.Flatten(), nn.Linear(4 * width, 10)]
    return nn.Sequential(*layers)


def char_lstm(fw: Framework, *, H: int, layers: int, V: int) -> Any:
    """A character language model: embedding, LSTM, linear; ids (T,N) to logits (T*N,V)."""
    nn = fw.nn

    class CharLSTM(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(V, H)
            self.lstm = nn.LSTM(H, H, num_layers=layers)
            self.head = nn.Linear(H, V)

        def forward(self, ids: Any) -> Any:
            return self.head(self.lstm(self.embedding(ids))[0].reshape((-1, H)))

    return CharLSTM()


def transformer_block(fw: Framework, D: int, heads: int, causal: bool) -> Any:
    """Attention and a two-layer network, each behind a layer norm and with a shortcut; x (N,T,D)."""
    nn = fw.nn

    class TransformerBlock(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
            self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
            self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

        def forward(self, x: Any) -> Any:
            N, T = x.shape[0], x.shape[1]
            split = fw.permute(self.qkv(self.norm1(x)).reshape((N, T, 3, heads, D // heads)), (2, 0, 3, 1, 4))
            mixed = fw.attention(split[0], split[1], split[2], is_causal=causal)
            x = x + self.out(fw.permute(mixed, (0, 2, 1, 3)).reshape((N, T, D)))
            return x + self.down(fw.gelu(self.up(self.norm2(x))))

    return TransformerBlock()


def gpt(fw: Framework, *, T: int, D: int, heads: int, layers: int, V: int) -> Any:
    """A decoder with causal attention; ids (N,T) to logits (N*T,V). Source: Radford et al. 2019, GPT-2."""
    nn = fw.nn

    class GPT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(V, D), nn.Embedding(T, D)
            self.blocks = nn.Sequential(*(transformer_block(fw, D, heads, causal=True) for _ in range(layers)))
            self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, V, bias=False)

        def forward(self, ids: Any) -> Any:
            x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
            return self.head(self.norm(self.blocks(x))).reshape((-1, V))

    return GPT()


def vit(fw: Framework, *, H: int, patch: int, D: int, heads: int, layers: int) -> Any:
    """An encoder over the patches of images (N,3,H,H) to ten logits. Source: Dosovitskiy et al. 2021, arXiv:2010.11929."""
    nn = fw.nn
    patches = (H // patch) ** 2

    class ViT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.places = nn.Conv2d(3, D, patch, stride=patch), nn.Embedding(patches, D)
            self.blocks = nn.Sequential(*(transformer_block(fw, D, heads, causal=False) for _ in range(layers)))
            self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, 10)

        def forward(self, images: Any) -> Any:
            x = fw.permute(self.patches(images).reshape((-1, D, patches)), (0, 2, 1))
            return self.head(fw.mean(self.norm(self.blocks(x + self.places.weight)), 1))

    return ViT()


def unet(fw: Framework, *, width: int) -> Any:
    """Two halvings and two doublings with shortcuts between; images (N,3,H,H) to one logit a pixel.

    Source: Ronneberger et al. 2015, arXiv:1505.04597.
    """
    nn = fw.nn

    def twice(inputs: int, outputs: int) -> Any:
        first, second = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())

    class UNet(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.down1, self.down2, self.bottom = twice(3, width), twice(width, 2 * width), twice(2 * width, 4 * width)
            self.double2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
            self.double1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
            self.up2, self.up1 = twice(4 * width, 2 * width), twice(2 * width, width)
            self.pool, self.head = nn.MaxPool2d(2), nn.Conv2d(width, 1, 1)

        def forward(self, x: Any) -> Any:
            first = self.down1(x)
            second = self.down2(self.pool(first))
            y = self.double2(self.bottom(self.pool(second)))
            y = self.double1(self.up2(fw.concat([y, second], 1)))
            return self.head(self.up1(fw.concat([y, first], 1)))

    return UNet()
