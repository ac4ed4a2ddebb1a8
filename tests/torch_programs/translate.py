"""seq2seq with Bahdanau attention (tutorial idiom), GRU encoder and decoder, teacher forcing, Lang class, nn.NLLLoss; then full nn.Transformer with masks, beam search."""
from __future__ import unicode_literals, print_function, division
import math, random, re, unicodedata, time
from io import open
import numpy as np
import torch
import torch.nn as nn
from torch import optim
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader, RandomSampler, SequentialSampler

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SOS_token, EOS_token = 0, 1
PAIRS = [("je suis la", "i am here"), ("il est grand", "he is tall"), ("elle est ici", "she is here"), ("nous sommes la", "we are here"), ("tu es grand", "you are tall"), ("je mange", "i eat")]
class Lang:
    def __init__(self, name):
        self.name, self.word2index, self.word2count, self.index2word, self.n_words = name, {}, {}, {0: "SOS", 1: "EOS"}, 2
    def addSentence(self, s):
        for w in s.split(" "): self.addWord(w)
    def addWord(self, w):
        if w not in self.word2index:
            self.word2index[w] = self.n_words; self.word2count[w] = 1; self.index2word[self.n_words] = w; self.n_words += 1
        else: self.word2count[w] += 1
input_lang, output_lang = Lang("fra"), Lang("eng")
for a, b in PAIRS: input_lang.addSentence(a); output_lang.addSentence(b)
MAX_LENGTH = 5
class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.0):
        super(EncoderRNN, self).__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout_p)
    def forward(self, input):
        return self.gru(self.dropout(self.embedding(input)))
class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super(BahdanauAttention, self).__init__()
        self.Wa, self.Ua, self.Va = nn.Linear(hidden_size, hidden_size), nn.Linear(hidden_size, hidden_size), nn.Linear(hidden_size, 1)
    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        scores = scores.squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights
class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.0):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)
    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long, device=device).fill_(SOS_token)
        decoder_hidden, decoder_outputs, attentions = encoder_hidden, [], []
        for i in range(MAX_LENGTH):
            decoder_output, decoder_hidden, attn_weights = self.forward_step(decoder_input, decoder_hidden, encoder_outputs)
            decoder_outputs.append(decoder_output); attentions.append(attn_weights)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
        decoder_outputs = F.log_softmax(torch.cat(decoder_outputs, dim=1), dim=-1)
        return decoder_outputs, decoder_hidden, torch.cat(attentions, dim=1)
    def forward_step(self, input, hidden, encoder_outputs):
        embedded = self.dropout(self.embedding(input))
        query = hidden.permute(1, 0, 2)
        context, attn_weights = self.attention(query, encoder_outputs)
        output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
        return self.out(output), hidden, attn_weights
def get_dataloader(bs):
    n = len(PAIRS)
    input_ids, target_ids = np.zeros((n, MAX_LENGTH), dtype=np.int32), np.zeros((n, MAX_LENGTH), dtype=np.int32)
    for i, (a, b) in enumerate(PAIRS):
        ia = [input_lang.word2index[w] for w in a.split(" ")] + [EOS_token]; ib = [output_lang.word2index[w] for w in b.split(" ")] + [EOS_token]
        input_ids[i, :len(ia)] = ia; target_ids[i, :len(ib)] = ib
    data = TensorDataset(torch.LongTensor(input_ids).to(device), torch.LongTensor(target_ids).to(device))
    return DataLoader(data, sampler=SequentialSampler(data), batch_size=bs), data
loader, data = get_dataloader(3)
encoder, decoder = EncoderRNN(input_lang.n_words, 8).to(device), AttnDecoderRNN(8, output_lang.n_words).to(device)
rng = np.random.RandomState(4)
for p in list(encoder.parameters()) + list(decoder.parameters()):
    p.data = torch.tensor(rng.uniform(-0.4, 0.4, size=p.shape), dtype=torch.float32)
eo, do = optim.Adam(encoder.parameters(), lr=0.01), optim.Adam(decoder.parameters(), lr=0.01)
criterion = nn.NLLLoss(ignore_index=-1)
losses = []
def asMinutes(s): return "%dm %ds" % (math.floor(s / 60), s - math.floor(s / 60) * 60)
for epoch in range(1, 13):
    total = 0
    for input_tensor, target_tensor in loader:
        eo.zero_grad(); do.zero_grad()
        eout, eh = encoder(input_tensor)
        dout, _, _ = decoder(eout, eh, target_tensor)
        loss = criterion(dout.view(-1, dout.size(-1)), target_tensor.view(-1))
        loss.backward(); eo.step(); do.step()
        total += loss.item(); losses.append(loss.item())
with torch.no_grad():
    eout, eh = encoder(data[0][0].unsqueeze(0))
    douts, dh, attn = decoder(eout, eh)
    _, topi = douts.topk(1)
    ids = topi.squeeze()
    words = []
    for idx in ids:
        if idx.item() == EOS_token:
            words.append("<EOS>"); break
        words.append(output_lang.index2word[idx.item()])
    print(words, attn[0, :len(words), :].cpu().numpy().shape)

class Seq2SeqTransformer(nn.Module):
    def __init__(self, ne, nd, emb, nhead, src, tgt, dff):
        super().__init__()
        self.transformer = nn.Transformer(d_model=emb, nhead=nhead, num_encoder_layers=ne, num_decoder_layers=nd, dim_feedforward=dff, dropout=0.0)
        self.generator = nn.Linear(emb, tgt)
        self.src_tok_emb, self.tgt_tok_emb = nn.Embedding(src, emb), nn.Embedding(tgt, emb)
    def forward(self, src, trg, src_mask, tgt_mask, sp, tp, mp):
        return self.generator(self.transformer(self.src_tok_emb(src), self.tgt_tok_emb(trg), src_mask, tgt_mask, None, sp, tp, mp))
    def encode(self, src, m): return self.transformer.encoder(self.src_tok_emb(src), m)
    def decode(self, tgt, memory, m): return self.transformer.decoder(self.tgt_tok_emb(tgt), memory, m)
def generate_square_subsequent_mask(sz):
    mask = (torch.triu(torch.ones((sz, sz), device=device)) == 1).transpose(0, 1)
    return mask.float().masked_fill(mask == 0, float("-inf")).masked_fill(mask == 1, float(0.0))
def create_mask(src, tgt):
    return torch.zeros((src.shape[0], src.shape[0]), device=device).type(torch.bool), generate_square_subsequent_mask(tgt.shape[0]) == float("-inf"), (src == 0).transpose(0, 1), (tgt == 99).transpose(0, 1)
tr = Seq2SeqTransformer(2, 2, 8, 2, input_lang.n_words, output_lang.n_words, 16)
for p in tr.parameters():
    if p.dim() > 1: p.data = torch.as_tensor(rng.randn(*p.shape) / p.shape[-1] ** 0.5, dtype=p.dtype)
for n, p in tr.named_parameters():
    if n.endswith('bias'): nn.init.zeros_(p)
opt = torch.optim.Adam(tr.parameters(), lr=0.003, betas=(0.9, 0.98), eps=1e-9)
lam = optim.lr_scheduler.LambdaLR(opt, lambda step: min((step + 1) ** -0.5, (step + 1) * 5 ** -1.5))
loss_fn = torch.nn.CrossEntropyLoss(ignore_index=0)
for step in range(10):
    for s, t in loader:
        src, tgt = s.t(), torch.cat([torch.zeros(1, len(t), dtype=torch.long), t.t()])
        tgt_input, tgt_out = tgt[:-1, :], tgt[1:, :]
        sm, tm, sp, tp = create_mask(src, tgt_input)
        logits = tr(src, tgt_input, sm, tm, sp, tp, sp)
        opt.zero_grad()
        loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))
        loss.backward(); opt.step(); losses.append(loss.item())
    lam.step()
tr.eval()
def greedy_decode(model, src, src_mask, max_len, start_symbol):
    memory = model.encode(src, src_mask)
    ys = torch.ones(1, 1).fill_(start_symbol).type(torch.long).to(device)
    for i in range(max_len - 1):
        tgt_mask = (generate_square_subsequent_mask(ys.size(0)).type(torch.bool)).to(device)
        out = model.decode(ys, memory, tgt_mask).transpose(0, 1)
        prob = model.generator(out[:, -1])
        _, next_word = torch.max(prob, dim=1)
        next_word = next_word.item()
        ys = torch.cat([ys, torch.ones(1, 1).type_as(src.data).fill_(next_word)], dim=0)
        if next_word == EOS_token: break
    return ys
src = data[1][0].view(-1, 1)
print(greedy_decode(tr, src, torch.zeros(5, 5).type(torch.bool), 6, SOS_token).flatten().tolist())
print("\n".join(f"{x:.9g}" for x in losses))
