"""Handwritten digits: a small convolutional network on the bundled images."""

from __future__ import annotations

from ... import data, nn, optim
from ..experiment import PictureClassifier
from ..recipe import Figure, Recipe, Scale, Setting


class DigitsCNN(PictureClassifier):
    """Two blocks of convolution, ReLU and pooling, then dropout and a linear layer.

    A convolution slides K small filters over the image: y[k] = sum over c of w[k,c] * x[c] + b[k]; ReLU keeps what is
    positive; max-pooling keeps the strongest answer of each 2x2 window, so that a feature may move a little. The last
    layer turns the features into ten scores s, and the loss is the cross-entropy -log softmax(s)[label].

    Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", with ReLU,
    dropout and Adam in place of tanh and gradient descent.
    """

    image_size = (8, 8)

    def prepare(self) -> None:
        s, samples = self.s, data.digits()
        self.classes = samples.classes or ()
        self.train, self.test = samples.split(1.0 - s.holdout, seed=self.seed, stratified=True)
        self.model = nn.Sequential(
            nn.Conv2d(1, s.width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(s.width, 2 * s.width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(s.dropout),
            nn.Linear(2 * s.width * 2 * 2, 10),
        )
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=s.lr)
        self.scheduler = optim.CosineAnnealingLR(self.optimizer, s.epochs, eta_min=0.01 * s.lr)


RECIPE = Recipe(
    "digits-cnn",
    "a convolutional network on 1,797 handwritten digits",
    DigitsCNN,
    {
        "epochs": Setting(20, "passes over the training set", low=1),
        "batch_size": Setting(32, "samples in a step", low=1),
        "lr": Setting(3e-3, "learning rate of Adam at the start", low=0),
        "width": Setting(32, "filters of the first convolution; the second has twice as many", low=1, high=1024),
        "dropout": Setting(0.3, "part of the features dropped before the last layer", low=0, high=0.95),
        "holdout": Setting(0.2, "part of the images kept for the test", low=0.01, high=0.9),
    },
    full=Scale((Figure("accuracy", at_least=0.98, percent=True),)),
    quick=Scale((Figure("accuracy", at_least=0.96, percent=True),), {"epochs": 12, "width": 16}),
    shows=(nn.Conv2d, nn.MaxPool2d, nn.CrossEntropyLoss),
)
