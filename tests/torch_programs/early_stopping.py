"""A training script: argparse, train and validation loops, ReduceLROnPlateau, early stopping, checkpoints saved and loaded."""

import argparse
import copy
import os
import tempfile
import time

import numpy as np
import torch
from torch import nn, optim
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader, TensorDataset


class EarlyStopping:
    def __init__(self, patience=3, delta=0.0, path="checkpoint.pt"):
        self.patience, self.delta, self.path = patience, delta, path
        self.counter, self.best_score, self.early_stop, self.val_loss_min = 0, None, False, np.inf

    def __call__(self, val_loss, model):
        score = -val_loss
        if self.best_score is None or score >= self.best_score + self.delta:
            self.best_score = score
            torch.save(model.state_dict(), self.path)
            self.val_loss_min, self.counter = val_loss, 0
        else:
            self.counter += 1
            self.early_stop = self.counter >= self.patience


class Tabular(nn.Module):
    def __init__(self, cat_dims, n_cont, hidden=(16, 8), p=0.0):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(c, min(4, (c + 1) // 2)) for c in cat_dims])
        n_emb = sum(e.embedding_dim for e in self.embeds)
        self.bn_cont = nn.BatchNorm1d(n_cont)
        layers, n_in = [], n_emb + n_cont
        for h in hidden:
            layers += [nn.Linear(n_in, h), nn.PReLU(), nn.LayerNorm(h), nn.Dropout(p)]
            n_in = h
        layers.append(nn.Linear(n_in, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, x_cat, x_cont):
        x = torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embeds)], 1)
        return self.layers(torch.cat([x, self.bn_cont(x_cont)], 1)).squeeze(-1)


def get_data(n, rng):
    cat = np.stack([rng.randint(0, 5, n), rng.randint(0, 3, n)], 1)
    cont = rng.normal(size=(n, 3)).astype(np.float32)
    y = cont[:, 0] * (cat[:, 0] - 2) + np.sin(2 * cont[:, 1]) + (cat[:, 1] == 1) + 0.05 * rng.normal(size=n)
    return TensorDataset(torch.tensor(cat, dtype=torch.int64), torch.tensor(cont), torch.tensor(y, dtype=torch.float))


def run_epoch(model, loader, criterion, optimizer=None):
    training = optimizer is not None
    model.train(training)
    total, n, history = 0.0, 0, []
    with torch.set_grad_enabled(training):
        for x_cat, x_cont, y in loader:
            pred = model(x_cat, x_cont)
            loss = criterion(pred, y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=2.0)
                assert torch.isfinite(norm)
                optimizer.step()
                history.append(loss.item())
            total += loss.item() * y.size(0)
            n += y.size(0)
    return total / n, history


def main(args):
    start = time.perf_counter()
    rng = np.random.RandomState(args.seed)
    torch.manual_seed(args.seed)
    train, valid = get_data(48, rng), get_data(24, rng)
    train_dl, valid_dl = DataLoader(train, args.batch_size), DataLoader(valid, 24)
    model = Tabular([5, 3], 3)
    state = {k: torch.tensor(rng.normal(0, 0.4, size=tuple(v.shape)), dtype=torch.float32)
             for k, v in model.state_dict().items() if v.is_floating_point() and "running" not in k}
    result = model.load_state_dict(state, strict=False)
    assert sorted(k.split(".")[-1] for k in result.missing_keys) == ["running_mean", "running_var"]
    assert not result.unexpected_keys
    criterion, optimizer = nn.HuberLoss(delta=0.7), getattr(optim, args.optimizer)(model.parameters(), lr=args.lr)
    scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=0, threshold=0.02)
    losses = []
    with tempfile.TemporaryDirectory() as folder:
        stopper = EarlyStopping(args.patience, path=os.path.join(folder, "best.pt"))
        for epoch in range(1, args.epochs + 1):
            _, history = run_epoch(model, train_dl, criterion, optimizer)
            val, _ = run_epoch(model, valid_dl, criterion)
            losses += history + [val]
            scheduler.step(val)
            checkpoint = {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                          "scheduler": scheduler.state_dict(), "args": vars(args), "rng": torch.get_rng_state()}
            torch.save(checkpoint, os.path.join(folder, "last.pth"))
            stopper(val, model)
            if stopper.early_stop:
                break
        last = torch.load(os.path.join(folder, "last.pth"), map_location="cpu", weights_only=False)
        again = Tabular(**{"cat_dims": [5, 3], "n_cont": 3})
        again.load_state_dict(last["model"])
        optimizer2 = getattr(optim, last["args"]["optimizer"])(again.parameters(), lr=1.0)
        optimizer2.load_state_dict(last["optimizer"])
        lr = optimizer2.param_groups[0]["lr"]
        for _ in range(2):
            loss, history = run_epoch(again, train_dl, criterion, optimizer2)
            losses += history
        best = copy.deepcopy(model)
        best.load_state_dict(torch.load(stopper.path))
        val, _ = run_epoch(best, valid_dl, criterion)
        assert abs(val - stopper.val_loss_min) < 1e-6
        step = StepLR(optimizer2, step_size=1, gamma=0.1)
        step.step()
        print("epochs", last["epoch"], "lr", f"{lr:.2e}", f"{step.get_last_lr()[0]:.2e}", "stopped" if stopper.early_stop else "ran")
    n = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"{n:,} parameters, {time.perf_counter() - start < 60}")
    for loss in losses:
        print(loss)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--batch-size", type=int, default=16, metavar="N")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--patience", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--optimizer", choices=["Adam", "SGD", "RMSprop"], default="Adam")
    main(parser.parse_args())
