"""A character LSTM on a line of text: one-hot input, hidden state handed on, gradients clipped."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

TEXT = "the quick brown fox jumps over the lazy dog and runs away from the other dogs "


class CharLSTM(nn.Module):
    def __init__(self, tokens, n_hidden=12, n_layers=2):
        super().__init__()
        self.n_layers, self.n_hidden = n_layers, n_hidden
        self.lstm = nn.LSTM(len(tokens), n_hidden, n_layers, dropout=0.0, batch_first=True)
        self.fc = nn.Linear(n_hidden, len(tokens))

    def forward(self, x, hidden):
        r_output, hidden = self.lstm(x, hidden)
        out = r_output.contiguous().view(-1, self.n_hidden)
        return self.fc(out), hidden

    def init_hidden(self, batch_size):
        weight = next(self.parameters()).data
        return (weight.new(self.n_layers, batch_size, self.n_hidden).zero_(),
                weight.new(self.n_layers, batch_size, self.n_hidden).zero_())


def main():
    chars = tuple(sorted(set(TEXT)))
    char2int = {ch: i for i, ch in enumerate(chars)}
    encoded = np.array([char2int[c] for c in TEXT])
    net = CharLSTM(chars)
    rng = np.random.RandomState(4)
    for p in net.parameters():
        p.data.copy_(torch.from_numpy(rng.uniform(-0.3, 0.3, tuple(p.size()))))
    opt = torch.optim.Adam(net.parameters(), lr=0.02)
    criterion = nn.CrossEntropyLoss()
    losses = []
    batch = encoded[:72].reshape(2, 36)
    for epoch in range(5):
        h = net.init_hidden(2)
        for start in range(0, 32, 8):
            x, y = batch[:, start : start + 8], batch[:, start + 1 : start + 9]
            inputs = F.one_hot(torch.from_numpy(x), len(chars)).float()
            targets = torch.from_numpy(y)
            h = tuple([each.data for each in h])
            net.zero_grad()
            output, h = net(inputs, h)
            loss = criterion(output, targets.reshape(2 * 8).long())
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            losses.append(loss.item())
    net.eval()
    hidden = net.init_hidden(1)
    with torch.no_grad():
        out, hidden = net(F.one_hot(torch.tensor([[0]]), len(chars)).float(), hidden)
        p, top = F.softmax(out, dim=1).data.topk(3)
        losses.append(p.squeeze()[0].item())
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
