"""What users write, well typed: no checker may complain, and every revealed type is what it says."""

from typing import assert_type

import dlengine as dl
from dlengine import nn
from dlengine.optim import Adam

x = dl.tensor([1.0, 2.0], requires_grad=True)
assert_type(x, dl.Tensor)
assert_type(x + 1, dl.Tensor)
assert_type(2 * x, dl.Tensor)
assert_type(x @ x, dl.Tensor)
assert_type(-x, dl.Tensor)
assert_type(x[0], dl.Tensor)
assert_type(x.sum(axis=0), dl.Tensor)
assert_type(x.mean(), dl.Tensor)
assert_type(x.reshape(2, -1), dl.Tensor)
assert_type(x.shape, tuple[int, ...])
assert_type(x.T, dl.Tensor)
assert_type(dl.sin(x), dl.Tensor)
assert_type(dl.where(x > 0, x, 0.0), dl.Tensor)
assert_type(dl.softmax(x, axis=0), dl.Tensor)
assert_type(dl.split(x, 1), tuple[dl.Tensor, ...])
assert_type(dl.concat([x, x]), dl.Tensor)
assert_type(dl.zeros((2, 3), dtype="float64"), dl.Tensor)
assert_type(dl.gradients(x.sum(), x), dl.Tensor)
assert_type(dl.gradients(x.sum(), [x]), list[dl.Tensor])
assert_type(dl.linalg.inv(dl.eye(2)), dl.Tensor)
assert_type(dl.conv2d(dl.zeros((1, 1, 4, 4)), dl.zeros((1, 1, 3, 3))), dl.Tensor)
assert_type(nn.functional.mse_loss(x, x), dl.Tensor)
assert_type(dl.max_pool2d(dl.zeros((1, 1, 4, 4)), 2), dl.Tensor)
assert_type(dl.max_pool2d(dl.zeros((1, 1, 4, 4)), 2, return_indices=True), tuple[dl.Tensor, dl.Tensor])
assert_type(dl.adaptive_max_pool1d(dl.zeros((1, 1, 4)), 2, True), tuple[dl.Tensor, dl.Tensor])
assert_type(dl.checkpoint(dl.exp, x), dl.Tensor)

layer = nn.Linear(2, 3)
assert_type(layer, nn.Linear)
assert_type(layer.weight, nn.Parameter)
model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
optimizer = Adam(model.parameters(), lr=1e-3)
optimizer.zero_grad()
optimizer.step()
dl.nn.Linear(2, 3)
dl.io.save("weights.safetensors", {"model": model.state_dict()})
with dl.no_grad(), dl.use_backend("numpy"), dl.use_default_dtype("float64"):
    layer(x)


@dl.op(needs="x")
def cube(xp: dl.typing.Namespace, x: dl.Tensor, /) -> dl.typing.ValueAndVJP:
    return x * x * x, lambda gy: gy * 3 * x * x


assert_type(cube(x), dl.Tensor)
