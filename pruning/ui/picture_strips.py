"""Small pictures in a row, each with a caption, and with a map below it where there is one."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image

LARGEST = 168  # pixels; drawn at half of that, so more would only be sent
STYLE = """<style>
.strip {display: flex; flex-wrap: wrap; gap: 0.6rem}
.strip figure {margin: 0; width: 84px}
.strip img {width: 84px; height: 84px; object-fit: contain; border-radius: 4px; display: block}
.strip img + img {margin-top: 4px}
.strip img.small {image-rendering: pixelated}
.strip figcaption {font-size: 0.8rem; line-height: 1.25; padding-top: 0.3rem; overflow-wrap: anywhere}
</style>"""


def strip(pictures: np.ndarray, captions: Sequence[str], below: np.ndarray | None = None):
    """pictures, below: uint8 [n, H, W, 3] each.   captions: of each; also its name for those who cannot see
    it."""
    shown = []
    for place, caption in enumerate(captions):
        stacked = [pictures[place], *([] if below is None else [below[place]])]
        words = html.escape(str(caption))
        images = "".join(picture(one, words) for one in stacked)
        shown.append(f"<figure>{images}<figcaption>{words}</figcaption></figure>")
    st.html(STYLE + f"<div class='strip'>{''.join(shown)}</div>")


def picture(image: np.ndarray, words: str) -> str:
    kind = "small" if max(image.shape[:2]) < LARGEST else ""
    return f"<img class='{kind}' src='{address(image)}' alt='{words}' title='{words}'>"


def address(image: np.ndarray) -> str:
    """uint8 [H, W, 3] as a PNG inside a URL."""
    picture, file = Image.fromarray(image), io.BytesIO()
    picture.thumbnail((LARGEST, LARGEST))
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
