"""Transformer LM with nn.TransformerEncoder, causal mask, PositionalEncoding buffer, lr scheduler, clip, bptt batches, generate."""
import math, time, copy, os
from typing import Tuple, Optional
from tempfile import TemporaryDirectory
import numpy as np
import torch
from torch import nn, Tensor
import torch.nn.functional as F
from torch.nn import TransformerEncoder, TransformerEncoderLayer

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
rng = np.random.RandomState(0)

class PositionalEncoding(nn.Module):
    def __init__(self, d_model: int, dropout: float = 0.0, max_len: int = 500):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe, persistent=False)
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pe[:x.size(0)]
        return self.dropout(x)

class TransformerModel(nn.Module):
    def __init__(self, ntoken: int, d_model: int, nhead: int, d_hid: int, nlayers: int, dropout: float = 0.0):
        super().__init__()
        self.model_type = "Transformer"
        self.pos_encoder = PositionalEncoding(d_model, dropout)
        encoder_layers = TransformerEncoderLayer(d_model, nhead, d_hid, dropout, activation="gelu", norm_first=True)
        self.transformer_encoder = TransformerEncoder(encoder_layers, nlayers, norm=nn.LayerNorm(d_model), enable_nested_tensor=False)
        self.embedding = nn.Embedding(ntoken, d_model)
        self.d_model = d_model
        self.linear = nn.Linear(d_model, ntoken)
        self.init_weights()
    def init_weights(self) -> None:
        for p in self.parameters():
            p.data.copy_(torch.as_tensor(rng.uniform(-0.2, 0.2, tuple(p.size()))))
    def forward(self, src: Tensor, src_mask: Tensor = None) -> Tensor:
        src = self.embedding(src) * math.sqrt(self.d_model)
        src = self.pos_encoder(src)
        if src_mask is None:
            src_mask = nn.Transformer.generate_square_subsequent_mask(len(src)).to(device)
        output = self.transformer_encoder(src, src_mask)
        return self.linear(output)

text = "the quick brown fox jumps over the lazy dog and the dog sleeps " * 6
vocab = {c: i for i, c in enumerate(sorted(set(text)))}
def data_process(lines):
    data = [torch.tensor([vocab[c] for c in item], dtype=torch.long) for item in lines]
    return torch.cat(tuple(filter(lambda t: t.numel() > 0, data)))
train_data = data_process(text.split())
def batchify(data: Tensor, bsz: int) -> Tensor:
    seq_len = data.size(0) // bsz
    data = data[:seq_len * bsz]
    return data.view(bsz, seq_len).t().contiguous().to(device)
train_data = batchify(train_data, 4)
bptt = 7
def get_batch(source: Tensor, i: int) -> Tuple[Tensor, Tensor]:
    seq_len = min(bptt, len(source) - 1 - i)
    return source[i:i + seq_len], source[i + 1:i + 1 + seq_len].reshape(-1)
ntokens = len(vocab)
model = TransformerModel(ntokens, 16, 2, 32, 2, 0.0).to(device)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, nesterov=True, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.95)
losses = []
best_val_loss = float("inf")
with TemporaryDirectory() as d:
    path = os.path.join(d, "best.pt")
    for epoch in range(1, 4):
        model.train()
        total = 0.
        for batch, i in enumerate(range(0, train_data.size(0) - 1, bptt)):
            data, targets = get_batch(train_data, i)
            output = model(data)
            output_flat = output.view(-1, ntokens)
            loss = criterion(output_flat, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            total += loss.item()
            losses += [loss.item(), float(norm)]
        lr = scheduler.get_last_lr()[0]
        ppl = math.exp(loss)
        print(f"| epoch {epoch:3d} | lr {lr:02.2f} | loss {loss:5.2f} | ppl {ppl:8.2f}")
        if total < best_val_loss:
            best_val_loss = total
            torch.save(model.state_dict(), path)
        scheduler.step()
    model.load_state_dict(torch.load(path, map_location=device, weights_only=True))
model.eval()
@torch.no_grad()
def generate(idx, n, temperature=1.0, top_k=None):
    for _ in range(n):
        logits = model(idx[-bptt:])[-1] / temperature
        if top_k is not None:
            v, _ = torch.topk(logits, min(top_k, logits.size(-1)))
            logits[logits < v[:, [-1]]] = -float("Inf")
        probs = F.softmax(logits, dim=-1)
        _, nxt = torch.topk(probs, k=1, dim=-1)
        idx = torch.cat((idx, nxt.view(1, -1)), dim=0)
    return idx
out = generate(torch.zeros((1, 2), dtype=torch.long, device=device), 8, top_k=3)
print(out.shape, out.squeeze().tolist())
losses.append(float(out.float().mean()))
print("\n".join(f"{x:.9g}" for x in losses))
