"""LSTM sentiment: custom Dataset, collate_fn with pad_sequence, packed sequences, bidirectional, EmbeddingBag baseline, BCEWithLogits, BucketIterator-like sampler."""
import random
from collections import Counter, OrderedDict
from functools import partial
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import Dataset, DataLoader, Subset, random_split, BatchSampler, SequentialSampler
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence, pad_packed_sequence

SEED = 1234
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)
torch.backends.cudnn.deterministic = True
POS, NEG = "good great fine lovely super".split(), "bad awful poor dull weak".split()
FILL = "the film was really very so and plot acting".split()

class Reviews(Dataset):
    def __init__(self, n):
        r = random.Random(5)
        self.items = []
        for i in range(n):
            label = i % 2
            words = [r.choice(FILL + (POS if label else NEG)) for _ in range(r.randint(3, 9))]
            self.items.append((words, label))
        counts = Counter(w for ws, _ in self.items for w in ws)
        self.vocab = {"<pad>": 0, "<unk>": 1}
        for w, c in sorted(counts.items(), key=lambda k: (-k[1], k[0])):
            self.vocab[w] = len(self.vocab)
    def __len__(self):
        return len(self.items)
    def __getitem__(self, i):
        words, label = self.items[i]
        return torch.LongTensor([self.vocab.get(w, 1) for w in words]), label

def collate(batch, pad):
    batch = sorted(batch, key=lambda b: len(b[0]), reverse=True)
    ids, labels = zip(*batch)
    lengths = torch.tensor([len(i) for i in ids])
    return {"ids": pad_sequence(ids, batch_first=True, padding_value=pad), "length": lengths, "label": torch.tensor(labels, dtype=torch.float)}

class LSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, output_dim, n_layers, bidirectional, dropout_rate, pad_index):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=pad_index)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, n_layers, bidirectional=bidirectional, dropout=dropout_rate, batch_first=True)
        self.fc = nn.Linear(hidden_dim * 2 if bidirectional else hidden_dim, output_dim)
        self.dropout = nn.Dropout(dropout_rate)
    def forward(self, ids, length):
        embedded = self.dropout(self.embedding(ids))
        packed = pack_padded_sequence(embedded, length, batch_first=True, enforce_sorted=False)
        packed_output, (hidden, cell) = self.lstm(packed)
        output, output_length = pad_packed_sequence(packed_output)
        if self.lstm.bidirectional:
            hidden = self.dropout(torch.cat([hidden[-1], hidden[-2]], dim=-1))
        else:
            hidden = self.dropout(hidden[-1])
        return self.fc(hidden), output, output_length

def initialize_weights(m):
    r = np.random.RandomState(1)
    for name, p in m.named_parameters(recurse=False):
        with torch.no_grad():
            p.copy_(torch.from_numpy(r.uniform(-0.3, 0.3, p.shape)))
    if isinstance(m, nn.Embedding) and m.padding_idx is not None:
        m.weight.data[m.padding_idx] = torch.zeros(m.embedding_dim)

def binary_accuracy(preds, y):
    rounded = torch.round(torch.sigmoid(preds))
    correct = (rounded == y).float()
    return correct.sum() / len(correct)

data = Reviews(48)
pad = data.vocab["<pad>"]
train, valid = Subset(data, range(40)), Subset(data, list(range(40, 48)))
loader = DataLoader(train, batch_size=8, collate_fn=partial(collate, pad=pad), shuffle=False, num_workers=2, drop_last=True, pin_memory=torch.cuda.is_available())
vloader = DataLoader(valid, batch_sampler=BatchSampler(SequentialSampler(valid), 4, False), collate_fn=lambda b: collate(b, pad))
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
model = LSTM(len(data.vocab), 6, 5, 1, 2, True, 0.0, pad)
model.apply(initialize_weights)
def count_parameters(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
print(f"The model has {count_parameters(model):,} trainable parameters")
model = model.to(device)
optimizer = optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.BCEWithLogitsLoss().to(device)
losses = []
for epoch in range(5):
    model.train()
    epoch_loss, epoch_acc = [], []
    for batch in loader:
        ids, length, label = batch["ids"].to(device), batch["length"], batch["label"].to(device)
        prediction, output, lens = model(ids, length)
        prediction = prediction.squeeze(1)
        assert output.shape[0] == int(length.max())
        loss = criterion(prediction, label)
        acc = binary_accuracy(prediction, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss.append(loss.item()); epoch_acc.append(acc.item())
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        v = [criterion(model(b["ids"], b["length"])[0].squeeze(1), b["label"]).item() for b in vloader]
    print(f"epoch: {epoch+1} train {np.mean(epoch_loss):.3f} acc {np.mean(epoch_acc):.3f} valid {np.mean(v):.3f}")
    losses.append(float(np.mean(v)))

class TextClassificationModel(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_class):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, embed_dim, sparse=False)
        self.fc = nn.Linear(embed_dim, num_class)
        self.init_weights()
    def init_weights(self):
        initialize_weights(self.embedding); initialize_weights(self.fc)
    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))
def collate_batch(batch):
    label_list, text_list, offsets = [], [], [0]
    for t, l in batch:
        label_list.append(l); text_list.append(t); offsets.append(t.size(0))
    return torch.tensor(label_list, dtype=torch.int64), torch.cat(text_list), torch.tensor(offsets[:-1]).cumsum(dim=0)
m = TextClassificationModel(len(data.vocab), 6, 2)
crit = torch.nn.CrossEntropyLoss()
opt = torch.optim.SGD(m.parameters(), lr=5.0)
sched = torch.optim.lr_scheduler.StepLR(opt, 1.0, gamma=0.1)
for epoch in range(2):
    for idx, (label, text, offsets) in enumerate(DataLoader(train, batch_size=8, collate_fn=collate_batch)):
        opt.zero_grad()
        out = m(text, offsets)
        loss = crit(out, label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 0.1)
        opt.step()
        losses += [loss.item(), (out.argmax(1) == label).sum().item() / label.size(0)]
    sched.step()
print("\n".join(f"{x:.9g}" for x in losses))
