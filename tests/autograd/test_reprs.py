"""What a notebook shows of an object is a line or a table that says what it is."""

from __future__ import annotations

import numpy as np

import dlengine as dl
from dlengine import data, nn, optim, training


def test_data_sets_say_what_a_sample_is() -> None:
    assert repr(data.digits()) == "ArrayDataset(1797 samples of float32 (1, 8, 8), int64 (), 10 classes)"
    assert repr(data.ArrayDataset(np.zeros((3, 2)))) == "ArrayDataset(3 samples of float64 (2,))"


def test_trainers_say_what_they_train() -> None:
    model = nn.Linear(3, 2)
    trainer = training.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), progress=False)
    trainer.fit([(dl.ones((2, 3)), dl.ones((2, 2)))])
    assert repr(trainer) == "Trainer(Linear of 8 parameters, MSELoss, SGD; 1 epochs done)"


def test_a_summary_is_its_table() -> None:
    table = nn.summary(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), (1, 3))
    assert repr(table) == str(table)
    assert "parameters" in repr(table)
