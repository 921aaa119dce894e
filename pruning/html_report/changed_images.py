"""Test images whose answer turned wrong or right: pictures of them where there are any, and a table."""

import base64
import io
from collections.abc import Mapping

import numpy as np
import pandas as pd
from PIL import Image

from pruning.html_report.page import Number, escaped, folded, paragraph, table
from pruning.terms import percent, plural

KINDS = {"broken": "Right before, wrong now", "mended": "Wrong before, right now"}
SHOWN, LISTED = 12, 100  # pictures of each kind; rows of each kind
LARGEST = 168  # pixels; shown at half of that


def changed_images(changes: pd.DataFrame, pictures: Mapping[int, np.ndarray]) -> str:
    """changes: as `inspection.prediction_changes.changes`.   pictures: {test image: uint8 [H, W, 3]}."""
    parts = []
    for kind, label in KINDS.items():
        rows = changes[changes["change"] == kind]
        if rows.empty:
            continue
        shown = [row for row in rows.itertuples() if row.image in pictures][:SHOWN]
        if shown:
            parts.append(paragraph(f"{label}, the pruned network's most confident predictions first:"))
            parts.append(f'<div class="pictures">{"".join(one(row, pictures) for row in shown)}</div>')
        parts.append(folded(f"{label}: {plural(len(rows), 'image')} as a table", listed(rows)))
    return "".join(parts)


def listed(rows: pd.DataFrame) -> str:
    cells = [
        (row.image, row.label, row.before, row.after,
         Number("probability", row.probability_after, percent(row.probability_after, 0)))
        for row in rows.head(LISTED).itertuples()
    ]  # fmt: skip
    more = len(rows) - LISTED
    told = paragraph(f"And {more:,} more, in predictions.npz.", "quiet") if more > 0 else ""
    return table(("Test image", "Class", "Full network says", "Pruned network says", "Sure"), cells) + told


def one(row, pictures: Mapping[int, np.ndarray]) -> str:
    image, file = Image.fromarray(pictures[row.image]), io.BytesIO()
    image.thumbnail((LARGEST, LARGEST))
    image.save(file, "PNG")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    said = f"{row.before} → {row.after}"
    alt = escaped(f"Test image {row.image}, class {row.label}: {said}")
    return (
        f'<figure><img src="{address}" alt="{alt}"><figcaption><b>{escaped(row.label)}</b><br>'
        f"{escaped(said)}</figcaption></figure>"
    )
