"""Makes docs/pictures from run folders: one small picture for each recipe.

    dlengine train vae --quick --out runs/vae && python docs/make_pictures.py runs/vae

A picture is scaled down and reduced to a palette until it has at most 30 kB. Which of a run's pictures is taken stands in CHOSEN.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

from PIL import Image

CHOSEN = {
    "audio-cnn": "filters.png", "autoencoder": "map.png", "captioning": "captions.png", "cgan": "samples.png",
    "char-lstm": "next.png", "conv-autoencoder": "walk.png", "cyclegan-digits": "translations.png", "dann": "features.png",
    "dcgan": "samples.png", "denoising-autoencoder": "denoised.png", "depth-vs-width": "regions.png",
    "digits-cnn": "confusion.png", "fgsm": "examples.png", "forecasting": "forecasts.png", "gan": "walk.png",
    "init-and-norm": "spread.png", "linear-svm": "weights.png", "mc-dropout": "uncertainty.png", "mlp": "boundaries.png",
    "mnist-cnn": "patches.png", "optimizers": "paths.png", "perceptron": "weights.png", "pix2pix-digits": "translations.png",
    "protonet": "codes.png", "resnet": "losses.png", "segmentation": "masks.png", "seq2seq-translation": "attention.png",
    "stacked-autoencoder": "accuracy.png", "text2image": "paintings.png", "transfer": "transfer.png", "triplet": "codes.png",
    "vae": "walk.png", "word2vec": "map.png",
}  # fmt: skip
"""Recipe to the file in its run folder."""

FOLDER = Path(__file__).parent / "pictures"
LARGEST = 30_000
WIDTHS = (680, 560, 440, 320)


def small(path: Path) -> bytes:
    """A picture as a PNG of at most LARGEST bytes: the widest that fits, with as many colours as then do."""
    image = Image.open(path).convert("RGB")
    for width in WIDTHS:
        scaled = image.copy()
        scaled.thumbnail((width, width * 3 // 4), Image.Resampling.LANCZOS)
        for colours in (128, 64, 32):
            out = io.BytesIO()
            scaled.quantize(colours).save(out, "PNG", optimize=True)
            if out.tell() <= LARGEST:
                return out.getvalue()
    raise SystemExit(f"{path}: more than {LARGEST} bytes at a width of {WIDTHS[-1]}")


def main(folders: list[str]) -> None:
    """Write the picture of each run folder."""
    FOLDER.mkdir(exist_ok=True)
    for folder in map(Path, folders):
        recipe = json.loads((folder / "config.json").read_text())["recipe"]
        if recipe not in CHOSEN:
            raise SystemExit(f"make_pictures: {recipe} is not in CHOSEN of docs/make_pictures.py; enter its picture there")
        (FOLDER / f"{recipe}.png").write_bytes(small(folder / CHOSEN[recipe]))


if __name__ == "__main__":
    main(sys.argv[1:])
