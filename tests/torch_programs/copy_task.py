"""A Transformer of encoder and decoder learns to copy a sequence backwards; label smoothing, the Noam schedule, greedy decoding."""

import math

import numpy as np
import torch
import torch.nn as nn
from torch.nn import Transformer, TransformerDecoder, TransformerDecoderLayer
from torch.optim.lr_scheduler import LambdaLR

PAD, BOS, EOS, VOCAB = 0, 1, 2, 9
rng = np.random.RandomState(5)


class PositionalEncoding(nn.Module):
    def __init__(self, emb_size: int, dropout: float, maxlen: int = 32):
        super(PositionalEncoding, self).__init__()
        den = torch.exp(-torch.arange(0, emb_size, 2) * math.log(10000) / emb_size)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1)
        pos_embedding = torch.zeros((maxlen, emb_size))
        pos_embedding[:, 0::2] = torch.sin(pos * den)
        pos_embedding[:, 1::2] = torch.cos(pos * den)
        pos_embedding = pos_embedding.unsqueeze(-2)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("pos_embedding", pos_embedding)

    def forward(self, token_embedding: torch.Tensor):
        return self.dropout(token_embedding + self.pos_embedding[: token_embedding.size(0), :])


class Seq2SeqTransformer(nn.Module):
    def __init__(self, emb_size=16, nhead=4, layers=2, ff=32):
        super().__init__()
        self.transformer = Transformer(d_model=emb_size, nhead=nhead, num_encoder_layers=layers, num_decoder_layers=layers,
                                       dim_feedforward=ff, dropout=0.0, norm_first=True)
        self.generator = nn.Linear(emb_size, VOCAB)
        self.src_tok_emb, self.tgt_tok_emb = nn.Embedding(VOCAB, emb_size, padding_idx=PAD), nn.Embedding(VOCAB, emb_size, padding_idx=PAD)
        self.positional_encoding, self.emb_size = PositionalEncoding(emb_size, dropout=0.0), emb_size

    def embed(self, tok, table):
        return self.positional_encoding(table(tok.long()) * math.sqrt(self.emb_size))

    def forward(self, src, trg, src_mask, tgt_mask, src_padding_mask, tgt_padding_mask, memory_key_padding_mask):
        outs = self.transformer(self.embed(src, self.src_tok_emb), self.embed(trg, self.tgt_tok_emb), src_mask, tgt_mask, None,
                                src_padding_mask, tgt_padding_mask, memory_key_padding_mask)
        return self.generator(outs)

    def encode(self, src, src_mask):
        return self.transformer.encoder(self.embed(src, self.src_tok_emb), src_mask)

    def decode(self, tgt, memory, tgt_mask):
        return self.transformer.decoder(self.embed(tgt, self.tgt_tok_emb), memory, tgt_mask)


def create_mask(src, tgt):
    tgt_mask = (torch.triu(torch.ones((tgt.shape[0], tgt.shape[0]))) == 1).transpose(0, 1)
    tgt_mask = tgt_mask.float().masked_fill(tgt_mask == 0, float("-inf")).masked_fill(tgt_mask == 1, float(0.0))
    assert torch.equal(tgt_mask, nn.Transformer.generate_square_subsequent_mask(tgt.shape[0]))
    src_mask = torch.zeros((src.shape[0], src.shape[0])).type(torch.bool)
    return src_mask, tgt_mask, (src == PAD).transpose(0, 1), (tgt == PAD).transpose(0, 1)


def batch(n):
    seqs = [rng.randint(3, VOCAB, size=rng.randint(2, 6)) for _ in range(n)]
    src = nn.utils.rnn.pad_sequence([torch.tensor(np.r_[BOS, s, EOS]) for s in seqs], padding_value=PAD)
    tgt = nn.utils.rnn.pad_sequence([torch.tensor(np.r_[BOS, s[::-1], EOS]) for s in seqs], padding_value=PAD)
    return src, tgt


model = Seq2SeqTransformer()
for name, p in model.named_parameters():
    if p.dim() > 1:
        p.data.copy_(torch.from_numpy(rng.uniform(-1, 1, size=tuple(p.shape)) * math.sqrt(6 / sum(p.shape))))
    elif name.endswith("bias"):
        nn.init.constant_(p, 0.0)
loss_fn = torch.nn.CrossEntropyLoss(ignore_index=PAD, label_smoothing=0.1)
optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
schedule = LambdaLR(optimizer, lambda step: 16**-0.5 * min((step + 1) ** -0.5, (step + 1) * 40**-1.5))
losses = []
model.train()
for step in range(24):
    src, tgt = batch(6)
    tgt_input, tgt_out = tgt[:-1, :], tgt[1:, :]
    src_mask, tgt_mask, src_pad, tgt_pad = create_mask(src, tgt_input)
    logits = model(src, tgt_input, src_mask, tgt_mask, src_pad, tgt_pad.float().masked_fill(tgt_pad, float("-inf")), src_pad)
    optimizer.zero_grad()
    loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))
    loss.backward()
    optimizer.step()
    schedule.step()
    losses.append(loss.item())
model.eval()
with torch.inference_mode():
    src, _ = batch(1)
    memory = model.encode(src, torch.zeros(src.size(0), src.size(0)).type(torch.bool))
    ys = torch.ones(1, 1).fill_(BOS).type(torch.long)
    for _ in range(src.size(0)):
        out = model.decode(ys, memory, nn.Transformer.generate_square_subsequent_mask(ys.size(0)).bool()).transpose(0, 1)
        _, next_word = torch.max(model.generator(out[:, -1]), dim=1)
        ys = torch.cat([ys, torch.ones(1, 1).type_as(src.data).fill_(next_word.item())], dim=0)
print("decoded", ys.flatten().tolist())
layer = TransformerDecoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True)
decoder = TransformerDecoder(layer, num_layers=2, norm=nn.LayerNorm(8))
for p in decoder.parameters():
    p.data = torch.from_numpy(rng.normal(0, 0.3, size=tuple(p.shape))).float()
x, mem = torch.from_numpy(rng.normal(size=(2, 5, 8))).float(), torch.from_numpy(rng.normal(size=(2, 4, 8))).float()
losses.append(decoder(x, mem, tgt_mask=nn.Transformer.generate_square_subsequent_mask(5), tgt_is_causal=True).pow(2).mean().item())
for loss in losses:
    print(loss)
