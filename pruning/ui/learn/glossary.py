"""The glossary: one sentence a term, the same as in the tooltips."""

import streamlit as st

from pruning import terms
from pruning.criteria import CRITERIA
from pruning.experiment import Recipe
from pruning.terms import GLOSSARY, sentence, title

SETTINGS = {  # {term: field of a recipe whose help text explains it}
    "allocation": "allocation",
    "calibration images": "calibration",
    "distillation": "distill",
    "mean bits": "bits",
    "pruning ratio": "cut",
    "repair": "repair",
    "seed": "seed",
    "subtask": "subtask",
}


def entries() -> dict[str, dict[str, str]]:
    """{heading: {term: its sentence}}, terms by the alphabet."""
    fields = Recipe.__dataclass_fields__
    words = GLOSSARY | {term: fields[name].metadata["help"] for term, name in SETTINGS.items()}
    return {
        "Words": {term: words[term] for term in sorted(words, key=str.lower)},
        "Criteria": {title(name): known.meaning for name, known in CRITERIA.items()},
        "Allocations": {term.title: f"{sentence(term.about)}." for term in terms.ALLOCATIONS.values()},
        "Repairs": {term.title: f"{sentence(term.about)}." for term in terms.REPAIRS.values()},
    }


def panel():
    st.header("Glossary", anchor=False)
    for heading, known in entries().items():
        st.subheader(heading, anchor=False)
        st.markdown("\n".join(line(term, told) for term, told in known.items()))


def line(term: str, told: str) -> str:
    """The term in bold, also where its sentence begins with it."""
    return f"- **{sentence(term)}**: {told.removeprefix(f'{sentence(term)}: ')}"
