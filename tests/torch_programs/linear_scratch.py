"""Linear and softmax regression from scratch: own data iterator, own loss, parameters updated in place."""

import random

import numpy as np
import torch


def synthetic_data(w, b, num_examples, rng):
    X = torch.tensor(rng.normal(0, 1, (num_examples, len(w))), dtype=torch.float32)
    y = torch.matmul(X, w) + b
    y += torch.tensor(rng.normal(0, 0.01, tuple(y.shape)), dtype=torch.float32)
    return X, y.reshape((-1, 1))


def data_iter(batch_size, features, labels):
    num_examples = len(features)
    indices = list(range(num_examples))
    random.shuffle(indices)
    for i in range(0, num_examples, batch_size):
        batch_indices = torch.tensor(indices[i : min(i + batch_size, num_examples)])
        yield features[batch_indices], labels[batch_indices]


def linreg(X, w, b):
    return torch.matmul(X, w) + b


def squared_loss(y_hat, y):
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params, lr, batch_size):
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def softmax(X):
    X_exp = torch.exp(X)
    partition = X_exp.sum(1, keepdim=True)
    return X_exp / partition


def cross_entropy(y_hat, y):
    return -torch.log(y_hat[range(len(y_hat)), y])


def accuracy(y_hat, y):
    if len(y_hat.shape) > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(axis=1)
    cmp = y_hat.type(y.dtype) == y
    return float(cmp.type(y.dtype).sum())


def main():
    rng = np.random.RandomState(18)
    random.seed(0)
    true_w, true_b = torch.tensor([2, -3.4]), 4.2
    features, labels = synthetic_data(true_w, true_b, 50, rng)
    w = torch.tensor(rng.normal(0, 0.01, size=(2, 1)), dtype=torch.float32, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    losses = []
    for epoch in range(2):
        for X, y in data_iter(10, features, labels):
            l = squared_loss(linreg(X, w, b), y)  # noqa: E741
            l.sum().backward()
            sgd([w, b], 0.3, 10)
            losses.append(float(l.mean()))
        with torch.no_grad():
            train_l = squared_loss(linreg(features, w, b), labels)
            print(f"epoch {epoch + 1}, loss {float(train_l.mean()):f}")
    print(f"error in estimating w: {true_w - w.reshape(true_w.shape)}")
    W = torch.tensor(rng.normal(0, 0.01, size=(6, 3)).astype(np.float32), requires_grad=True)
    bias = torch.zeros(3, requires_grad=True)
    X = torch.tensor(rng.rand(30, 2, 3).astype(np.float32))
    y = torch.tensor(rng.randint(0, 3, 30))
    for epoch in range(10):
        y_hat = softmax(torch.matmul(X.reshape((-1, W.shape[0])), W) + bias)
        l = cross_entropy(y_hat, y)  # noqa: E741
        l.sum().backward()
        sgd([W, bias], 0.5, 30)
        losses.append(float(l.sum()) / 30)
    losses.append(accuracy(y_hat, y) / len(y))
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
