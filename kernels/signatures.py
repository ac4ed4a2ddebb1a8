"""What every kernel is called with, declared once for all sets: the place where a kernel is picked checks calls against it.

A line is a kernel's name and its arguments in order. An argument without a colon is a constant (a geometry, an axis, a
number). The others are arrays, `name:kind(shape)`:

kind
    float    a floating array; all of a call have one dtype. Integers and booleans take the floats' dtype, or the default
             dtype where no other argument is floating. Different floats meet in the wider one, as the array API promotes.
    number   likewise, but integers among themselves stay integers.
    follows  a cotangent: it takes the dtype that the others have, and never widens it.
    int      class numbers, ids, places, lengths. Kernels get int64.
    scalar   a 0-d array of a dtype of its own.
    saved    what the forward kernel returned for its gradient; only the set that made it can read it.
shape
    Letters bind sizes and must agree wherever they stand; 4H is four times H; *S is any number of axes; g.x_shape is the
    geometry's; =x is another argument's shape; ... is any shape.
behind it
    <V       every integer is from 0 to V - 1; <V|k: or equals the constant k.
    ?        may be None.
    *        a list of such arrays.
    !        written in place: never converted, so its dtype must be the one that the call computes in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_DECLARED = """
matmul                 a:number(...) b:number(...)
linear                 x:number(*B,I) weight:number(O,I) bias:number(O)?

conv2d                 x:number(g.x_shape) w:number(g.w_shape) g bias:number(g.K)?
conv2d_input_grad      gy:number(g.y_shape) w:number(g.w_shape) g
conv2d_weight_grad     x:number(g.x_shape) gy:number(g.y_shape) g
conv3d                 x:number(g.x_shape) w:number(g.w_shape) g bias:number(g.K)?
conv3d_input_grad      gy:number(g.y_shape) w:number(g.w_shape) g
conv3d_weight_grad     x:number(g.x_shape) gy:number(g.y_shape) g
unfold2d               x:number(g.x_shape) g
fold2d                 cols:number(g.columns_shape) g

max_pool2d             x:number(g.x_shape) g
max_pool2d_scatter     gy:number(g.y_shape) index:int(g.y_shape)<g.places g
max_pool2d_gather      x:number(g.x_shape) index:int(g.y_shape)<g.places g
avg_pool2d             x:float(g.x_shape) g
avg_pool2d_input_grad  gy:float(g.y_shape) g
max_pool3d             x:number(g.x_shape) g
max_pool3d_scatter     gy:number(g.y_shape) index:int(g.y_shape)<g.places g
max_pool3d_gather      x:number(g.x_shape) index:int(g.y_shape)<g.places g
avg_pool3d             x:float(g.x_shape) g
avg_pool3d_input_grad  gy:float(g.y_shape) g

batch_norm             x:float(N,C,*S) weight:float(C)? bias:float(C)? eps
batch_norm_grad        gy:float(=x) x:float(N,C,*S) weight:float(C)? mean:float(C) rstd:float(C)
layer_norm             x:float(M,D) weight:float(D)? bias:float(D)? eps
layer_norm_grad        gy:float(M,D) x:float(M,D) weight:float(D)? mean:float(M) rstd:float(M)
group_norm             x:float(N,C,*S) weight:float(C)? bias:float(C)? groups eps
group_norm_grad        gy:float(=x) x:float(N,C,*S) weight:float(C)? mean:float(N,groups) rstd:float(N,groups) groups
rms_norm               x:float(M,D) weight:float(D)? eps
rms_norm_grad          gy:float(M,D) x:float(M,D) weight:float(D)? rstd:float(M)

relu                   x:number(...)
relu_grad              gy:number(=y) y:number(...)
leaky_relu             x:float(...) slope
leaky_relu_grad        gy:float(=x) x:float(...) slope
sigmoid                x:float(...)
sigmoid_grad           gy:float(=y) y:float(...)
tanh_grad              gy:float(=y) y:float(...)
silu                   x:float(...)
silu_grad              gy:float(=x) x:float(...)
softplus               x:float(...) beta
softplus_grad          gy:float(=x) x:float(...) beta

softmax                x:float(...) axis
softmax_grad           gy:float(=y) y:float(...) axis
log_softmax            x:float(...) axis
log_softmax_grad       gy:float(=y) y:float(...) axis
cross_entropy          logits:float(N,V) labels:int(N)<V|ignore_index ignore_index
cross_entropy_grad     gloss:float(N) p:float(N,V) labels:int(N)<V|ignore_index ignore_index
embedding              weight:number(V,D) ids:int(...)<V
embedding_grad         gy:number(*ids,D) ids:int(...)<rows rows
dropout                x:float(...) key counter p inner

lstm                   x:float(T,N,I) h0:float(N,H) c0:float(N,H) w_ih:float(4H,I) w_hh:float(4H,H) bias:float(4H)?
                       lengths:int(N)? reverse save
lstm_grad              gy:follows(T,N,H) gh:follows(N,H) gc:follows(N,H) x:float(T,N,I) h0:float(N,H) c0:float(N,H)
                       w_ih:float(4H,I) w_hh:float(4H,H) bias:float(4H)? lengths:int(N)? reverse residuals:saved
gru                    x:float(T,N,I) h0:float(N,H) w_ih:float(3H,I) w_hh:float(3H,H) b_ih:float(3H)? b_hh:float(3H)?
                       lengths:int(N)? reverse save
gru_grad               gy:follows(T,N,H) gh:follows(N,H) x:float(T,N,I) h0:float(N,H) w_ih:float(3H,I) w_hh:float(3H,H)
                       b_ih:float(3H)? b_hh:float(3H)? lengths:int(N)? reverse residuals:saved
rnn                    x:float(T,N,I) h0:float(N,H) w_ih:float(H,I) w_hh:float(H,H) bias:float(H)?
                       lengths:int(N)? reverse nonlinearity save
rnn_grad               gy:follows(T,N,H) gh:follows(N,H) x:float(T,N,I) h0:float(N,H) w_ih:float(H,I) w_hh:float(H,H)
                       bias:float(H)? lengths:int(N)? reverse nonlinearity residuals:saved

sgd                    ps:float(...)*! gs:follows(=ps)* bufs:float(=ps)*!?
                       lr momentum dampening weight_decay nesterov first
adam                   ps:float(...)*! gs:follows(=ps)* ms:float(=ps)*! vs:float(=ps)*! vmaxs:float(=ps)*!?
                       lr beta1 beta2 eps weight_decay decoupled step
sum_of_squares         gs:float(...)*
scale                  gs:float(...)*! factor:scalar
skipgram_negative      words:float(V,D)! contexts:float(W,D)! centres:int(P)<V seen:int(P,K)<W lr
"""

_ARGUMENT = re.compile(
    r"(?P<name>\w+)(?::(?P<kind>\w+)(?:\((?P<shape>[^)]*)\))?(?:<(?P<bound>[\w.]+)(?:\|(?P<spared>\w+))?)?(?P<flags>[*!?]*))?"
)
KINDS = ("float", "number", "follows", "int", "scalar", "saved")


@dataclass(frozen=True)
class Argument:
    """One argument of a kernel; kind "" is a constant. See the head of this module for the words."""

    name: str
    kind: str
    shape: str
    bound: str
    spared: str
    optional: bool
    listed: bool
    written: bool

    @property
    def is_array(self) -> bool:
        """Whether it is an array, or a list of them, whose dtype and shape are checked."""
        return self.kind not in ("", "saved")


def _argument(text: str) -> Argument:
    found = _ARGUMENT.fullmatch(text)
    if found is None or (found["kind"] or KINDS[0]) not in KINDS:
        raise ValueError(f"{text!r} declares no argument of a kernel")
    flags = found["flags"] or ""
    return Argument(
        found["name"], found["kind"] or "", found["shape"] or "...", found["bound"] or "", found["spared"] or "",
        "?" in flags, "*" in flags, "!" in flags,
    )  # fmt: skip


@cache
def signatures() -> dict[str, tuple[Argument, ...]]:
    """Kernel name -> its arguments, for every kernel that takes arrays."""
    lines = re.sub(r"\n +", " ", _DECLARED).split("\n")
    return {name: tuple(map(_argument, rest)) for name, *rest in (line.split() for line in lines if line)}
