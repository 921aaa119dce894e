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
    changes: pd.DataFrame, pictures: Mapping[int, np.ndarray], masks: Mapping[int, np.ndarray]
) -> str:
    """changes: as `inspection.prediction_changes.changes`.   pictures: {test image: uint8 [H, W, 3]}.
    masks: as `inspection.prediction_changes.masks_of`."""
    first = "the largest difference" if masks else "the pruned network's most confident predictions"
    parts = []
    for kind, label in KINDS.items():
        rows = changes[changes["change"] == kind]
        if rows.empty:
            continue
        shown = [row for row in rows.itertuples() if row.image in (masks or pictures)][:SHOWN]
        if shown:
            parts.append(paragraph(f"{label}, {first} first:"))
            parts.append(f'<div class="pictures">{"".join(one(row, pictures, masks) for row in shown)}</div>')
        parts.append(folded(f"{label}: {plural(len(rows), 'image')} as a table", listed(rows)))
    return "".join(parts)


def listed(rows: pd.DataFrame) -> str:
    sure = "probability_after" in rows
    cells = [
        (row.image, row.label, row.before, row.after,
         *([Number("probability", row.probability_after, percent(row.probability_after, 0))] if sure else []))
        for row in rows.head(LISTED).itertuples()
    ]  # fmt: skip
    names = (
        ("Full network says", "Pruned network says", "Sure") if sure else ("Full network", "Pruned network")
    )
    more = len(rows) - LISTED
    told = paragraph(f"And {more:,} more, in predictions.npz.", "quiet") if more > 0 else ""
    return table(("Test image", "Class" if sure else "Classes", *names), cells) + told


def one(row, pictures: Mapping[int, np.ndarray], masks: Mapping[int, np.ndarray]) -> str:
    said = f"{row.before} → {row.after}"
    shown = {f"Test image {row.image} ({row.label}): {said}": pictures.get(row.image)}
    if row.image in masks:
        truth, before, after = masks[row.image]
        shown |= {
            "What is right": marked(truth, truth),
            f"The full network: {row.before}": marked(before, before),
            f"The pruned network: {row.after}, changed pixels marked": marked(after, before),
        }
    images = "".join(drawn(image, escaped(alt)) for alt, image in shown.items() if image is not None)
    return f"<figure>{images}<figcaption><b>{escaped(row.label)}</b><br>{escaped(said)}</figcaption></figure>"


def drawn(picture: np.ndarray, alt: str) -> str:
    image, file = Image.fromarray(picture), io.BytesIO()
    image.thumbnail((LARGEST, LARGEST))
    image.save(file, "PNG")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return f'<img src="{address}" alt="{alt}">'
