"""What a run's report tells of translations: a few test pictures in every domain, and the measures."""

from collections.abc import Iterator

import numpy as np

from pruning.figures import translation_measures as figures
from pruning.figures.tradeoff import STAGES
from pruning.html_report.changed_images import drawn
from pruning.html_report.page import Number, escaped, folded, heading, paragraph, table
from pruning.inspection.saved_run import SavedRun
from pruning.inspection.translated_pictures import translated_pictures
from pruning.terms import sentence


def translations(saved: SavedRun) -> Iterator[str]:
    """Nothing of a task whose answers are no pictures."""
    told = saved.report.get("measures")
    found = translated_pictures(saved.task, saved.predictions, (), saved.report["classes"])
    if found is None or not told:
        return
    if found.stages:
        yield heading("In every domain")
        yield paragraph("Test pictures, and their translations to every domain at every stage of the run.")
    for place, source in enumerate(found.sources if found.stages else ()):
        made = {stage: pictures[place] for stage, pictures in found.stages.items()}
        shown = stages_of(found.pictures[place], made, found.domains)
        yield folded(f"A {source} picture", shown) if place else shown
    yield heading("What became of the pictures")
    rows = [
        (figures.NAMES.get(row.measure, row.measure), sentence(STAGES[row.stage][0]),
         *(Number(f"{row.measure}.{row.stage}{end}", getattr(row, of), f"{getattr(row, of):.4g}")
           for of, end in (("value", ""), ("low", ".low"), ("high", ".high"))), row.unit)
        for row in figures.measures(told).itertuples()
    ]  # fmt: skip
    yield table(("Lower is better", "Stage", "Value", "95 %: from", "to", "Unit"), rows)
    yield paragraph(figures.meanings(told), "quiet")
    yield paragraph(
        figures.floor_in_words(saved.report["frechet_floor"], saved.report["test_images"]), "quiet"
    )


def stages_of(picture: np.ndarray, made: dict[str, np.ndarray], domains: tuple[str, ...]) -> str:
    """One picture: a row a stage, a column a domain."""
    head = "".join(f"<th>{escaped(name)}</th>" for name in ("", "picture", *(f"to {d}" for d in domains)))
    rows = []
    for stage, pictures in made.items():
        name = sentence(STAGES[stage][0])
        told = ["The picture", *(f"{name}, to {domain}" for domain in domains)]
        images = zip((picture, *pictures), told, strict=True)
        cells = "".join(f"<td>{drawn(image, escaped(words))}</td>" for image, words in images)
        rows.append(f"<tr><td>{escaped(name)}</td>{cells}</tr>")
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide domains"><table>{body}</table></div>'
