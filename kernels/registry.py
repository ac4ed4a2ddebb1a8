"""Every kernel, declared once: the arguments, their order, kinds and shapes, and the outputs. The grammar is in declaration.py.

Kernels stand in families. A family is a module of that name in each kernel set, which has the kernels as functions with exactly
these arguments (the reference's have the namespace before them). A set says only which kernels it has for which dtypes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, cached_property
from typing import Any

from .declaration import Declaration, parse
from .late import imported

_FAMILIES = {
    "activation": """
        relu              x:number(...)                         -> y
        add_relu          a:number(...) b:number(=a)            -> y
        relu_grad         gy:number(=y) y:number(...)           -> gx
        leaky_relu        x:float(...) slope                    -> y
        leaky_relu_grad   gy:float(=x) x:float(...) slope       -> gx
        sigmoid           x:float(...)                          -> y
        sigmoid_grad      gy:float(=y) y:float(...)             -> gx
        tanh_grad         gy:float(=y) y:float(...)             -> gx
        silu              x:float(...)                          -> y
        silu_grad         gy:float(=x) x:float(...)             -> gx
        softplus          x:float(...) beta                     -> y
        softplus_grad     gy:float(=x) x:float(...) beta        -> gx
    """,
    "attention": """
        attention         q:float(N,H,T,D) k:float(N,H,K,D) v:float(N,H,K,P) mask:float(...)? scale causal hides
                          -> y | top total
        attention_grad    gy:float(N,H,T,P) q:float(N,H,T,D) k:float(N,H,K,D) v:float(N,H,K,P) mask:float(...)?
                          y:float(N,H,T,P) top:float(N,H,T) total:float(N,H,T) scale causal hides   -> gq gk gv
    """,
    "conv": """
        conv2d              x:number(g.x_shape) weight:number(g.w_shape) bias:number(g.K)? g    -> y
        conv2d_input_grad   gy:number(g.y_shape) weight:number(g.w_shape) g                     -> gx
        conv2d_weight_grad  x:number(g.x_shape) gy:number(g.y_shape) g                          -> gweight
        conv3d              x:number(g.x_shape) weight:number(g.w_shape) bias:number(g.K)? g    -> y
        conv3d_input_grad   gy:number(g.y_shape) weight:number(g.w_shape) g                     -> gx
        conv3d_weight_grad  x:number(g.x_shape) gy:number(g.y_shape) g                          -> gweight
        unfold2d            x:number(g.x_shape) g                                               -> cols
        fold2d              cols:number(g.columns_shape) g                                      -> x
    """,
    "ctc": """
        ctc_loss          log_probs:float(T,N,V) labels:int(N,K)<V steps:int(N) counts:int(N) blank   -> loss
        ctc_loss_grad     gloss:float(N) log_probs:float(T,N,V) labels:int(N,K)<V steps:int(N) counts:int(N) blank   -> glog_probs
    """,
    "dropout": """
        dropout           x:float(...) key counter p inner      -> y
    """,
    "embedding": """
        embedding         weight:number(V,D) ids:int(...)<V                     -> y
        embedding_grad    gy:number(*ids,D) ids:int(...)<rows rows=V            -> gweight
    """,
    "gather": """
        add_along         gy:float(L,K,R) places:int(L,K,R) size                -> sums
        put_along         x:float(L,N,R) places:int(L,K,R)<N values:float(L,K,R)  -> y
        put_along_grad    gy:float(L,N,R) places:int(L,K,R)<N                   -> gx gvalues
        weighted_places   x:float(N,C,M) places:int(N,K,T)<M weights:float(N,K,T)   -> y
        weighted_places_grad  gy:float(N,C,T) x:float(N,C,M) places:int(N,K,T)<M weights:float(N,K,T)   -> gx gweights
        top_k             x:number(L,N,R) k largest                             -> values places
    """,
    "linear": """
        matmul            a:number(...) b:number(...)                           -> y
        linear            x:number(*B,I) weight:number(O,I) bias:number(O)?     -> y
    """,
    "loss": """
        cosine            a:float(M,D) b:float(M,D) eps smooth                  -> y
        cosine_grad       gy:float(M) a:float(M,D) b:float(M,D) eps smooth      -> ga gb
        multi_margin      x:float(N,V) labels:int(N)<V margin p factor reduction                      -> loss
        multi_margin_grad gloss:float(...) x:float(N,V) labels:int(N)<V margin p factor reduction     -> gx
        nll_loss          log_probs:float(N,V) labels:int(N)<V|ignore_index ignore_index reduction    -> loss | count
        nll_loss_grad     gloss:float(...) count:scalar labels:int(N)<classes|ignore_index classes=V ignore_index reduction
                          -> glog_probs
        squared_distances       x:float(N,D) y:float(M,D)                       -> distances
        squared_distances_grad  gdistances:float(N,M) x:float(N,D) y:float(M,D)   -> gx gy
    """,
    "norm": """
        batch_norm        x:float(N,C,*S) weight:float(C)? bias:float(C)? eps   -> y mean rstd
        batch_norm_tracked  x:float(N,C,*S) weight:float(C)? bias:float(C)? running_mean:float(C)! running_var:float(C)!
                          batches:int()! settings                               -> y mean rstd
        batch_norm_grad   gy:float(=x) x:float(N,C,*S) weight:float(C)? mean:float(C) rstd:float(C)
                          -> gx gweight gbias
        batch_norm_inference  x:float(N,C,*S) mean:float(C) variance:float(C) weight:float(C)? bias:float(C)? eps   -> y
        layer_norm        x:float(M,D) weight:float(D)? bias:float(D)? eps      -> y | mean rstd
        layer_norm_grad   gy:float(M,D) x:float(M,D) weight:float(D)? mean:float(M) rstd:float(M)
                          -> gx gweight gbias
        group_norm        x:float(N,C,*S) weight:float(C)? bias:float(C)? groups eps   -> y | mean rstd
        group_norm_grad   gy:float(=x) x:float(N,C,*S) weight:float(C)? mean:float(N,groups) rstd:float(N,groups) groups
                          -> gx gweight gbias
        rms_norm          x:float(M,D) weight:float(D)? eps                     -> y | rstd
        rms_norm_grad     gy:float(M,D) x:float(M,D) weight:float(D)? rstd:float(M)   -> gx gweight
    """,
    "optim": """
        sgd               ps:float(...)*! gs:follows(=ps)* bufs:float(=ps)*!?
                          settings
        adam              ps:float(...)*! gs:follows(=ps)* ms:float(=ps)*! vs:float(=ps)*! vmaxs:float(=ps)*!?
                          settings
        sum_of_squares    gs:float(...)*                                        -> total
        clip_by_norm      gs:float(...)*! max_norm                     -> norm
        scale             gs:float(...)*! factor:scalar
    """,
    "pool": """
        max_pool2d             x:number(g.x_shape) g                                        -> y index
        max_pool2d_scatter     gy:number(g.y_shape) index:place(g.y_shape)<g.places g         -> gx
        max_pool2d_gather      x:number(g.x_shape) index:place(g.y_shape)<g.places g          -> y
        avg_pool2d             x:float(g.x_shape) g                                         -> y
        avg_pool2d_input_grad  gy:float(g.y_shape) g                                        -> gx
        max_pool_values        x:number(g.x_shape) g                                        -> y
        max_pool3d             x:number(g.x_shape) g                                        -> y index
        max_pool3d_scatter     gy:number(g.y_shape) index:place(g.y_shape)<g.places g         -> gx
        max_pool3d_gather      x:number(g.x_shape) index:place(g.y_shape)<g.places g          -> y
        avg_pool3d             x:float(g.x_shape) g                                         -> y
        avg_pool3d_input_grad  gy:float(g.y_shape) g                                        -> gx
        adaptive_max_pool      x:number(g.x_shape) g                                        -> y index
        adaptive_avg_pool      x:float(g.x_shape) g                                         -> y
        adaptive_avg_pool_input_grad  gy:float(g.y_shape) g                                 -> gx
        plane_scatter          gy:number(g.y_shape) index:place(g.y_shape)<g.places g       -> gx
        plane_gather           x:number(g.x_shape) index:place(g.y_shape)<g.places g        -> y
    """,
    "random": """
        random_bits         key counter n           -> words
        random_uniform      key counter n dtype     -> y
        random_bernoulli    key counter n p         -> y
        random_normal       key counter n dtype     -> y
        random_integers     key counter n low count   -> y
        random_permutation  key counter n           -> y
    """,
    "recurrent": """
        lstm              x:float(T,N,I) h0:float(N,H) c0:float(N,H) w_ih:float(4H,I) w_hh:float(4H,H) bias:float(4H)?
                          lengths:int(N)? reverse save                          -> y h c | residuals
        lstm_grad         gy:follows(T,N,H) gh:follows(N,H) gc:follows(N,H) x:float(T,N,I) h0:float(N,H) c0:float(N,H)
                          w_ih:float(4H,I) w_hh:float(4H,H) bias:float(4H)? lengths:int(N)? reverse residuals:saved
                          -> gx gh0 gc0 gw_ih gw_hh gbias
        gru               x:float(T,N,I) h0:float(N,H) w_ih:float(3H,I) w_hh:float(3H,H) b_ih:float(3H)? b_hh:float(3H)?
                          lengths:int(N)? reverse save                          -> y h | residuals
        gru_grad          gy:follows(T,N,H) gh:follows(N,H) x:float(T,N,I) h0:float(N,H) w_ih:float(3H,I) w_hh:float(3H,H)
                          b_ih:float(3H)? b_hh:float(3H)? lengths:int(N)? reverse residuals:saved
                          -> gx gh0 gw_ih gw_hh gb_ih gb_hh
        rnn               x:float(T,N,I) h0:float(N,H) w_ih:float(H,I) w_hh:float(H,H) bias:float(H)?
                          lengths:int(N)? reverse nonlinearity save             -> y h | residuals
        rnn_grad          gy:follows(T,N,H) gh:follows(N,H) x:float(T,N,I) h0:float(N,H) w_ih:float(H,I) w_hh:float(H,H)
                          bias:float(H)? lengths:int(N)? reverse nonlinearity residuals:saved
                          -> gx gh0 gw_ih gw_hh gbias
    """,
    "running": """
        recurrence        a:float(L,N,R) b:float(=a)                            -> h
        others            x:float(L,N)                                          -> y
    """,
    "skipgram": """
        skipgram_negative words:float(V,D)! contexts:float(W,D)! centres:int(P)<V seen:int(P,K)<W lr   -> loss
    """,
    "softmax": """
        softmax           x:float(...) axis                                     -> y
        softmax_grad      gy:float(=y) y:float(...) axis                        -> gx
        log_softmax       x:float(...) axis                                     -> y
        log_softmax_grad  gy:float(=y) y:float(...) axis                        -> gx
        cross_entropy     logits:float(N,V) labels:int(N)<V|ignore_index ignore_index   -> loss | p
        cross_entropy_mean  logits:float(N,V) labels:int(N)<V|ignore_index ignore_index   -> loss | p count
        cross_entropy_mean_grad  gloss:float() p:float(N,V) count:scalar labels:int(N)<V|ignore_index ignore_index   -> glogits
        cross_entropy_grad  gloss:float(N) p:float(N,V) labels:int(N)<V|ignore_index ignore_index   -> glogits
    """,
}
"""Family -> its kernels, a line each; a line that is indented further continues the one before."""

_LINES = {
    line.split(None, 1)[0]: (family, line)
    for family, text in _FAMILIES.items()
    for line in re.sub(r"\n {9,}", " ", text).split("\n")
    if line.strip()
}

KERNELS: dict[str, str] = {name: family for name, (family, _) in _LINES.items()}
"""Kernel name -> its family."""


@cache
def declaration(kernel: str) -> Declaration:
    """What a kernel is called with and what it returns. Raises KeyError for a name that is not declared."""
    return parse(*_LINES[kernel])


def declarations() -> dict[str, Declaration]:
    """Kernel name -> its declaration."""
    return {kernel: declaration(kernel) for kernel in KERNELS}


@dataclass(frozen=True)
class KernelSet:
    """One implementation of some kernels, loaded kernel by kernel on first use.

    Parameters
    ----------
    name : str
        ``"reference"``, ``"jit"`` or ``"cuda"``.
    package : str
        The package whose modules are the families.
    dtypes : mapping of str to str
        Which kernels the set has: pattern of ``family.kernel`` (``"conv.conv2d*"``, ``"norm.*"``) to the dtypes of the first
        array, separated by blanks; ``"*"`` takes all, ``""`` none. Of several patterns that fit a kernel, the last one counts.
    launches : Counter
        Calls per kernel; the parity command reads it to prove which implementation answered.
    """

    name: str
    package: str
    dtypes: Mapping[str, str]
    launches: Counter[str] = field(default_factory=Counter)

    @cached_property
    def declared(self) -> dict[str, tuple[str, ...]]:
        """Kernel name -> dtypes of its first array, "*" for all."""
        found: dict[str, tuple[str, ...]] = {}
        for pattern, dtypes in self.dtypes.items():
            kernels = [name for name, family in KERNELS.items() if fnmatchcase(f"{family}.{name}", pattern)]
            if not kernels:
                raise ValueError(f"{self.package}: no kernel is called {pattern}")
            found |= dict.fromkeys(kernels, tuple(dtypes.split()))
        return {name: dtypes for name, dtypes in found.items() if dtypes}

    def has(self, kernel: str, dtype: str) -> bool:
        """Whether this set declares the kernel for a dtype name such as "float32"; "" asks for any dtype."""
        dtypes = self.declared.get(kernel)
        return dtypes is not None and (not dtype or "*" in dtypes or dtype in dtypes)

    def load(self, kernel: str) -> Callable[..., Any]:
        """Import the module of a declared kernel and return its function."""
        module = imported(f"{self.package}.{KERNELS[kernel]}")
        return getattr(module, kernel)  # type: ignore[no-any-return]
