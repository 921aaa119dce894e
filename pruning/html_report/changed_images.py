"""Test images whose answer turned wrong or right: pictures of them where there are any, and a table."""

import base64
import io
from collections.abc import Mapping

import numpy as np
import pandas as pd
from PIL import Image

from pruning.html_report.page import Number, escaped, folded, paragraph, table
from pruning.tasks import marked
from pruning.terms import percent, plural

KINDS = {"broken": "Right before, wrong now", "mended": "Wrong before, right now"}
SHOWN, LISTED = 12, 100  # pictures of each kind; rows of each kind
LARGEST = 168  # pixels; shown at half of that


def changed_images(
    changes: pd.DataFrame,
    pictures: Mapping[int, np.ndarray],
    masks: Mapping[int, np.ndarray],
    translated: Mapping[int, np.ndarray],
) -> str:
    """changes: as `inspection.prediction_changes.changes`.   pictures: {test image: uint8 [H, W, 3]}.
    masks: as `inspection.prediction_changes.masks_of`.   translated: {test image: uint8 [2, h, w, 3]}, by the
    full network and by the pruned one, of translations."""
    first = "the largest difference" if masks else "the pruned network's most confident predictions"
    first = "the translations of which the classifier is surest" if translated else first
    parts = []
    for kind, label in KINDS.items():
        rows = changes[changes["change"] == kind]
        if rows.empty:
            continue
        shown = [row for row in rows.itertuples() if row.image in (masks or translated or pictures)][:SHOWN]
        if shown:
            parts.append(paragraph(f"{label}, {first} first:"))
            drawn_ones = "".join(one(row, pictures, masks, translated) for row in shown)
            parts.append(f'<div class="pictures">{drawn_ones}</div>')
        parts.append(
            folded(f"{label}: {plural(len(rows), 'image')} as a table", listed(rows, bool(translated)))
        )
    return "".join(parts)


def listed(rows: pd.DataFrame, translated: bool) -> str:
    sure = "probability_after" in rows
    cells = [
        (row.image, row.label, row.before, row.after,
         *([Number("probability", row.probability_after, percent(row.probability_after, 0))] if sure else []))
        for row in rows.head(LISTED).itertuples()
    ]  # fmt: skip
    names: tuple[str, ...] = ("Classes", "Full network", "Pruned network")
    if translated:
        names = ("From and to", "Full network's taken for", "Pruned network's taken for", "Sure")
    elif sure:
        names = ("Class", "Full network says", "Pruned network says", "Sure")
    more = len(rows) - LISTED
    told = paragraph(f"And {more:,} more, in predictions.npz.", "quiet") if more > 0 else ""
    return table(("Test image", *names), cells) + told


def one(
    row,
    pictures: Mapping[int, np.ndarray],
    masks: Mapping[int, np.ndarray],
    translated: Mapping[int, np.ndarray],
) -> str:
    said = (
        f"{row.before} → {row.after}"
        if row.image not in translated
        else (f"taken for {row.after}, before {row.before}")
    )
    shown = {f"Test image {row.image} ({row.label}): {said}": pictures.get(row.image)}
    if row.image in masks:
        truth, before, after = masks[row.image]
        shown |= {
            "What is right": marked(truth, truth),
            f"The full network: {row.before}": marked(before, before),
            f"The pruned network: {row.after}, changed pixels marked": marked(after, before),
        }
    if row.image in translated:
        before, after = translated[row.image]
        shown |= {f"The full network: {row.before}": before, f"The pruned network: {row.after}": after}
    images = "".join(drawn(image, escaped(alt)) for alt, image in shown.items() if image is not None)
    return f"<figure>{images}<figcaption><b>{escaped(row.label)}</b><br>{escaped(said)}</figcaption></figure>"


def drawn(picture: np.ndarray, alt: str) -> str:
    image, file = Image.fromarray(picture), io.BytesIO()
    image.thumbnail((LARGEST, LARGEST))
    image.save(file, "PNG")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return f'<img src="{address}" alt="{alt}">'
