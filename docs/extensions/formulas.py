r"""Adds typeset formulas to entries of the API reference.

Docstrings keep their formulas as plain text, which ``help()`` shows; here stand the ones worth typesetting, in LaTeX, once for
all entries that share them.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

BATCH_STATISTICS = r"""
\mu_c = \frac{1}{|B|} \sum_{n,s} x_{ncs}, \qquad \sigma_c^2 = \frac{1}{|B|} \sum_{n,s} (x_{ncs} - \mu_c)^2, \qquad
y_{ncs} = \gamma_c \, \frac{x_{ncs} - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} + \beta_c
"""
SAMPLE_STATISTICS = r"""
y = \gamma \, \frac{x - \mathrm{E}[x]}{\sqrt{\mathrm{Var}[x] + \epsilon}} + \beta
"""

FORMULAS: dict[str, tuple[str, ...]] = {
    r"y_{nol} = b_o + \sum_{i=1}^{I} \sum_{k=0}^{K-1} w_{oik} \, x_{n,\,i,\,s l - p + d k}": ("conv1d", "nn.Conv1d"),
    r"y_{nohw} = b_o + \sum_{i} \sum_{u,v} w_{oiuv} \, x_{n,\,i,\,s h - p + d u,\,s w - p + d v}": ("conv2d", "nn.Conv2d"),
    r"y_{no\mathbf{l}} = b_o + \sum_{i} \sum_{\mathbf{k}} w_{oi\mathbf{k}} \, x_{n,\,i,\,s \mathbf{l} - p + d \mathbf{k}}": (
        "conv3d", "nn.Conv3d"
    ),
    r"y_{n,\,o,\,s \mathbf{l} - p + d \mathbf{k}} \mathrel{+}= x_{ni\mathbf{l}} \, w_{io\mathbf{k}}": (
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "nn.ConvTranspose1d", "nn.ConvTranspose2d",
        "nn.ConvTranspose3d",
    ),
    BATCH_STATISTICS: ("batch_norm", "nn.BatchNorm1d", "nn.BatchNorm2d", "nn.BatchNorm3d"),
    SAMPLE_STATISTICS: (
        "layer_norm", "nn.LayerNorm", "group_norm", "nn.GroupNorm", "instance_norm", "nn.InstanceNorm1d", "nn.InstanceNorm2d",
        "nn.InstanceNorm3d",
    ),
    r"y = \frac{x}{\sqrt{\frac{1}{D} \sum_i x_i^2 + \epsilon}} \, \gamma": ("rms_norm", "nn.RMSNorm"),
    r"\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\mathsf{T}}{\sqrt{E}}\right) V": (
        "scaled_dot_product_attention",
    ),
    r"""
\mathrm{head}_i = \mathrm{softmax}\!\left(\frac{Q W_i^Q (K W_i^K)^\mathsf{T}}{\sqrt{E / h}}\right) V W_i^V, \qquad
y = [\mathrm{head}_1, \dots, \mathrm{head}_h] \, W^O
""": ("nn.MultiHeadAttention",),
    r"""
\alpha_t = \mathrm{softmax}_t\!\left(v^\mathsf{T} \tanh(q + k_t)\right), \qquad c = \sum_t \alpha_t v_t
""": ("additive_attention", "nn.AdditiveAttention"),
    r"h_t = \tanh(W x_t + b_{ih} + U h_{t-1} + b_{hh})": ("rnn", "nn.RNN", "nn.RNNCell"),
    r"""
\begin{aligned}
i_t, f_t, o_t &= \sigma(W x_t + U h_{t-1} + b) \quad \text{(rows of their own)} \\
g_t &= \tanh(W_g x_t + U_g h_{t-1} + b_g) \\
c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
h_t &= o_t \odot \tanh(c_t)
\end{aligned}
""": ("lstm", "nn.LSTM", "nn.LSTMCell"),
    r"""
\begin{aligned}
r_t, z_t &= \sigma(W x_t + b_{ih} + U h_{t-1} + b_{hh}) \quad \text{(rows of their own)} \\
n_t &= \tanh(W_n x_t + b_{in} + r_t \odot (U_n h_{t-1} + b_{hn})) \\
h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}
\end{aligned}
""": ("gru", "nn.GRU", "nn.GRUCell"),
    r"""
\mathrm{PE}_{t,\,2k} = \sin(t \, \omega_k), \qquad \mathrm{PE}_{t,\,2k+1} = \cos(t \, \omega_k), \qquad
\omega_k = 10000^{-2k/E}
""": ("nn.PositionalEncoding",),
    r"\mathrm{softmax}(x)_i = \frac{e^{x_i}}{\sum_j e^{x_j}}": ("softmax", "nn.Softmax"),
    r"\log \mathrm{softmax}(x)_i = x_i - \log \sum_j e^{x_j}": ("log_softmax", "nn.LogSoftmax"),
    r"\sigma(x) = \frac{1}{1 + e^{-x}}": ("sigmoid", "nn.Sigmoid"),
    r"\mathrm{gelu}(x) = x \, \Phi(x) = \frac{x}{2} \left(1 + \mathrm{erf}\frac{x}{\sqrt{2}}\right)": ("gelu", "nn.GELU"),
    r"\mathrm{mish}(x) = x \tanh(\log(1 + e^x))": ("mish", "nn.Mish"),
    r"\mathrm{softplus}(x) = \frac{1}{\beta} \log(1 + e^{\beta x})": ("softplus", "nn.Softplus"),
    r"\ell = -\log \frac{e^{x_y}}{\sum_j e^{x_j}} = -x_y + \log \sum_j e^{x_j}": ("cross_entropy", "nn.CrossEntropyLoss"),
    r"\ell = -w_y \, x_y": ("nll_loss", "nn.NLLLoss"),
    r"\ell = -\left(t \log p + (1 - t) \log(1 - p)\right)": ("binary_cross_entropy", "nn.BCELoss"),
    r"\ell = -\left(t \log \sigma(x) + (1 - t) \log(1 - \sigma(x))\right)": (
        "binary_cross_entropy_with_logits", "nn.BCEWithLogitsLoss",
    ),
    r"\ell = (x - t)^2": ("mse_loss", "nn.MSELoss"),
    r"\ell = |x - t|": ("l1_loss", "nn.L1Loss"),
    r"""
\ell = \begin{cases}
\frac{1}{2} (x - t)^2 & |x - t| \le \delta \\
\delta \left(|x - t| - \frac{\delta}{2}\right) & \text{else}
\end{cases}
""": ("huber_loss", "nn.HuberLoss"),
    r"\ell = t \, (\log t - x)": ("kl_div", "nn.KLDivLoss"),
    r"""
\mathrm{KL}\left(\mathcal{N}(m, s^2) \,\|\, \mathcal{N}(0, 1)\right) = \frac{1}{2} \sum \left(m^2 + s^2 - 1 - \log s^2\right)
""": ("gaussian_kl",),
    r"\ell = \frac{1}{2} \left(\log v + \frac{(x - t)^2}{v}\right), \qquad v = \max(\mathrm{var}, \epsilon)": (
        "gaussian_nll_loss", "nn.GaussianNLLLoss",
    ),
    r"\ell = -\log \sum_{\pi \in \mathcal{B}^{-1}(y)} \prod_{t=1}^{T} p_t(\pi_t)": ("ctc_loss", "nn.CTCLoss"),
    r"\ell = \max(0,\; d(a, p) - d(a, n) + \mathrm{margin})": ("triplet_margin_loss", "nn.TripletMarginLoss"),
    r"\mathrm{cos}(x_1, x_2) = \frac{x_1^\mathsf{T} x_2}{\|x_1\| \, \|x_2\|}": ("cosine_similarity", "nn.CosineSimilarity"),
    r"y = x W^\mathsf{T} + b": ("linear", "nn.Linear"),
    r"y_o = x_1^\mathsf{T} W_o \, x_2 + b_o": ("nn.Bilinear",),
    r"""
\begin{aligned}
b_t &= \mu \, b_{t-1} + (1 - \tau) \, (g_t + \lambda p_{t-1}) \\
p_t &= p_{t-1} - \eta \, b_t
\end{aligned}
""": ("optim.SGD",),
    r"""
\begin{aligned}
m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t & \hat m_t &= \frac{m_t}{1 - \beta_1^t} \\
v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 & \hat v_t &= \frac{v_t}{1 - \beta_2^t} \\
p_t &= p_{t-1} - \eta \, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
\end{aligned}
""": ("optim.Adam",),
    r"p_t = (1 - \eta \lambda) \, p_{t-1} - \eta \, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}": ("optim.AdamW",),
    r"v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2, \qquad p_t = p_{t-1} - \eta \, \frac{g_t}{\sqrt{v_t} + \epsilon}": (
        "optim.RMSprop",
    ),
    r"G_t = G_{t-1} + g_t^2, \qquad p_t = p_{t-1} - \eta \, \frac{g_t}{\sqrt{G_t} + \epsilon}": ("optim.Adagrad",),
    r"p_t = (1 - \eta \lambda) p_{t-1} - \eta \, \mathrm{sign}(\beta_1 m_{t-1} + (1 - \beta_1) g_t), \qquad "
    r"m_t = \beta_2 m_{t-1} + (1 - \beta_2) g_t": ("optim.Lion",),
    r"\eta_t = \eta_{\min} + \frac{\eta_0 - \eta_{\min}}{2} \left(1 + \cos \frac{\pi t}{T_{\max}}\right)": (
        "optim.CosineAnnealingLR",
    ),
    r"\mathrm{Var}[w] = \frac{\mathrm{gain}^2}{\mathrm{fan}}": ("nn.init.kaiming_normal_", "nn.init.kaiming_uniform_"),
    r"\mathrm{Var}[w] = \frac{2 \, \mathrm{gain}^2}{\mathrm{fan_{in}} + \mathrm{fan_{out}}}": (
        "nn.init.xavier_normal_", "nn.init.xavier_uniform_",
    ),
}  # fmt: skip
"""Formula to the names of `dlengine` whose entries show it."""

BY_NAME = {f"dlengine.{name}": formula.strip() for formula, names in FORMULAS.items() for name in names}
SECTIONS = (":Parameters:", ".. rubric::", ":Returns:", ":Raises:", ":Attributes:")


def _add(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    if name in BY_NAME:
        formula = [".. math::", "", *("   " + line for line in BY_NAME[name].splitlines()), ""]
        place = next((i for i, line in enumerate(lines) if line.startswith(SECTIONS)), len(lines))
        lines[place:place] = formula


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", _add, priority=800)  # after numpydoc
    return {"parallel_read_safe": True}
