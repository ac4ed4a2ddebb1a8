"""Slips that both checkers find: each line that ends in `# error` is one, and no other line is."""

import dlengine as dl
from dlengine import nn

x = dl.tensor([1.0, 2.0])

dl.softmax(x, dim=0)  # error
dl.sum(x, axes=0)  # error
dl.sin()  # error
dl.add(x)  # error
dl.zeros((2, 3), shape=2)  # error
dl.conv2d(x)  # error
dl.reshape(x, "2")  # error
dl.nn.Linear(2)  # error
nn.Linear(2, 3, bais=True)  # error
dl.nothing  # error
x.nothing  # error
x.sum(keepdim=True)  # error
nn.functional.mse_loss(x, x, reduce="mean")  # error
dl.optim.Adam()  # error
dl.set_backend(1)  # error
