"""Translation with attention in the style of a tutorial: bmm, dot, max(1, keepdim)[1], tensors by old names."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

dtype = torch.FloatTensor
SENTENCES = ["ich mochte ein bier P", "S i want a beer", "i want a beer E"]


def make_batch(word_dict, n_class):
    input_batch = [np.eye(n_class)[[word_dict[n] for n in SENTENCES[0].split()]]]
    output_batch = [np.eye(n_class)[[word_dict[n] for n in SENTENCES[1].split()]]]
    target_batch = [[word_dict[n] for n in SENTENCES[2].split()]]
    return torch.FloatTensor(np.array(input_batch)), torch.FloatTensor(np.array(output_batch)), torch.LongTensor(target_batch)


class Attention(nn.Module):
    def __init__(self, n_class, n_hidden):
        super().__init__()
        self.n_hidden, self.n_class = n_hidden, n_class
        self.enc_cell = nn.RNN(input_size=n_class, hidden_size=n_hidden)
        self.dec_cell = nn.RNN(input_size=n_class, hidden_size=n_hidden)
        self.attn = nn.Linear(n_hidden, n_hidden)
        self.out = nn.Linear(n_hidden * 2, n_class)

    def forward(self, enc_inputs, hidden, dec_inputs):
        enc_inputs = enc_inputs.transpose(0, 1)
        dec_inputs = dec_inputs.transpose(0, 1)
        enc_outputs, enc_hidden = self.enc_cell(enc_inputs, hidden)
        trained_attn = []
        hidden = enc_hidden
        n_step = len(dec_inputs)
        model = torch.empty([n_step, 1, self.n_class])
        for i in range(n_step):
            dec_output, hidden = self.dec_cell(dec_inputs[i].unsqueeze(0), hidden)
            attn_weights = self.get_att_weight(dec_output, enc_outputs)
            trained_attn.append(attn_weights.squeeze().data.numpy())
            context = attn_weights.bmm(enc_outputs.transpose(0, 1))
            dec_output = dec_output.squeeze(0)
            context = context.squeeze(1)
            model[i] = self.out(torch.cat((dec_output, context), 1))
        return model.transpose(0, 1).squeeze(0), trained_attn

    def get_att_weight(self, dec_output, enc_outputs):
        n_step = len(enc_outputs)
        attn_scores = torch.zeros(n_step)
        for i in range(n_step):
            attn_scores[i] = self.get_att_score(dec_output, enc_outputs[i])
        return F.softmax(attn_scores, dim=-1).view(1, 1, -1)

    def get_att_score(self, dec_output, enc_output):
        score = self.attn(enc_output)
        return torch.dot(dec_output.view(-1), score.view(-1))


def main():
    word_list = " ".join(SENTENCES).split()
    word_list = sorted(set(word_list))
    word_dict = {w: i for i, w in enumerate(word_list)}
    n_class, n_hidden = len(word_dict), 8
    hidden = torch.zeros(1, 1, n_hidden)
    model = Attention(n_class, n_hidden)
    rng = np.random.RandomState(7)
    for p in model.parameters():
        p.data = torch.from_numpy(rng.uniform(-0.4, 0.4, p.shape).astype(np.float32))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    input_batch, output_batch, target_batch = make_batch(word_dict, n_class)
    losses = []
    for epoch in range(20):
        optimizer.zero_grad()
        output, _ = model(input_batch, hidden, output_batch)
        loss = criterion(output, target_batch.squeeze(0))
        if (epoch + 1) % 10 == 0:
            print("Epoch:", "%04d" % (epoch + 1), "cost =", f"{loss:.6f}")
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    predict, trained_attn = model(input_batch, hidden, output_batch)
    predict = predict.data.max(1, keepdim=True)[1]
    print([word_list[n.item()] for n in predict.squeeze()])
    losses.append(float(trained_attn[0].max()))
    return losses


if __name__ == "__main__":
    LOSSES = main()
    print("\n".join(f"{loss:.9g}" for loss in LOSSES))
