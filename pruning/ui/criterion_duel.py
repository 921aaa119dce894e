"""Who is right? Where two criteria differ most, what each saw, and what was measured; and whether labels
matter."""

from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from pruning.criteria import CRITERIA
from pruning.experiment import Recipe
from pruning.figures import channel as pictures
from pruning.figures import criterion_duel as figures
from pruning.figures.criterion_duel import Case
from pruning.inspection.criterion_duel import MeasuredChoices, measure_choices
from pruning.inspection.label_shuffling import LabelTest, labels_tested
from pruning.inspection.one_channel import Channel
from pruning.inspection.oracle import Oracle, measure_oracle
from pruning.terms import title, titled
from pruning.ui import channel_map, charts, measurement, one_channel, picture_strips, preview_cache, state
from pruning.ui.recipe_controls import LISTED, meaning

FEW = 4  # pictures in a row
LEARNED = "The network may have been trained on these images: expect larger increases on new ones."


def panel(recipe: Recipe, table: pd.DataFrame):
    """The recipe's criterion against one beside it, on the channels on which they differ most."""
    st.subheader("Who is right?")
    own, other = recipe.criterion, choose_other(recipe)
    if other is None:
        st.caption(f"Choose a criterion to see where it differs from {title(own)}, and why.")
        return
    preview_cache.follow(
        partial(preview_cache.ask_scores, recipe.but(criterion=other)),
        lambda scores: against(recipe, pd.concat([table, channel_map.table_by(recipe, scores)]), other),
    )


def against(recipe: Recipe, both: pd.DataFrame, other: str):
    """both: the two criteria's `channel_table`s."""
    case = figures.case_of(both, recipe.criterion, other)
    if case is None:
        words = (
            f"At this cut no group has a channel that only {title(recipe.criterion)} cuts and another that "
        )
        st.caption(words + f"only {title(other)} cuts.")
    else:
        the_case(recipe, both[both["group"] == case.group], case, other)


def choose_other(recipe: Recipe) -> str | None:
    listed = ["none", *(name for name in LISTED if name != recipe.criterion)]
    beside = state.looking_at("beside")
    beside = beside if beside in listed else "none"
    st.selectbox(
        f"{title(recipe.criterion)} against",
        listed,
        format_func=lambda name: "choose a criterion" if name == "none" else titled(name),
        help="The criterion to compare with; a click on its bar above chooses it too.",
        width=320,
        **state.bound_look("beside", beside, none="none", options=listed),
    )
    return None if beside == "none" else beside


def the_case(recipe: Recipe, rows: pd.DataFrame, case: Case, other: str):
    """rows: both criteria's `channel_table`s of the group."""
    own = recipe.criterion
    st.markdown(figures.case_in_words(case, own, other))
    for column, name in zip(st.columns(2, gap="large"), (own, other), strict=True):
        with column:
            saw(recipe.but(criterion=name), rows[rows["criterion"] == name], case)
    for column, number in zip(st.columns(2, gap="large"), (case.mine, case.theirs), strict=True):
        with column:
            question = partial(preview_cache.ask_channel, recipe, case.group, number)
            preview_cache.follow(question, partial(in_pictures, recipe))
    measurement.on_request(
        "Measure it",
        partial(
            ask_choices,
            recipe,
            case.group,
            (case.mine, case.theirs),
            case.all_mine,
            case.all_theirs,
        ),
        partial(measured, own=own, other=other, case=case),
        help="Removes each of the two channels, and each criterion's whole choice in this group, and "
        "measures the loss on up to 500 hold-out images: about 10 s.",
    )
    if not state.lesson():
        measurement.on_request(
            f"Measure every channel of {case.group}",
            partial(ask_oracle, recipe, case.group),
            partial(every_channel, own=own),
            help="The oracle: removes every channel of the group alone and judges all criteria by what that "
            "costs. Seconds to minutes.",
        )


def saw(recipe: Recipe, rows: pd.DataFrame, case: Case):
    """What a criterion looks at, and its bars of the group with the two channels marked."""
    criterion, structure = recipe.criterion, preview_cache.structure(recipe).structure
    st.markdown(f"**{title(criterion)}**: {meaning(recipe)}")
    charts.chart(
        figures.marked_bars(rows, channel_map.unit_of(recipe, structure, case.group), case),
        figures.saw_in_words(rows, criterion, case),
        key=f"saw {criterion}",
        alt=f"Scores of {case.group} by {title(criterion)}, channels {case.mine} and {case.theirs} marked",
        table=rows,
    )


def in_pictures(recipe: Recipe, found: Channel):
    """A channel's kernels, its mean map, and the images that excite it most."""
    st.markdown(
        f"**Channel {found.channel}**: its kernels, its mean activation map, and the images with its "
        "highest activation"
    )
    for note in found.notes:
        st.warning(note)
    some, few = found.strongest, found.inputs[:FEW]
    picture_strips.strip(
        pictures.signed(found.kernel[:FEW]), [f"reads input channel {number}" for number in few]
    )
    left, right = st.columns([1, 3], gap="small")
    with left:
        picture_strips.strip(pictures.shades(found.typical[None]), ["mean map"])
    with right:
        drawn_as = preview_cache.task_of(recipe).drawn_as
        captions = [one_channel.of_class(label, drawn_as) for label in some.labels[: FEW - 1]]
        picture_strips.strip(some.images[: FEW - 1], captions, pictures.shades(some.maps[: FEW - 1]))
    st.button(
        f"Look into channel {found.channel}",
        on_click=state.look_at,
        kwargs={"group": found.group, "channel": found.channel},
        help="Opens it further up: its kernel, similar channels, and the classes it contributes to.",
        type="tertiary",
        key=f"look into {found.channel}",
    )


def measured(found: MeasuredChoices, own: str, other: str, case: Case):
    """What came of it: one sentence that says who was right, and the intervals."""
    words = figures.verdict_in_words(found.table, own, other, case, found.images)
    st.markdown(f"**{words}** {figures.choices_in_words(found.table, own, other, case)}")
    charts.chart(
        figures.verdict(found.table, own, other),
        f"Right of zero {title(own)}'s choice costs less, left of it {title(other)}'s; a line across zero is "
        f"no difference that these {found.images:,} images can show. " + (LEARNED if found.learned else ""),
        key="verdict",
        alt=f"What {title(own)}'s choice saves against {title(other)}'s",
        table=found.table,
    )


def every_channel(found: Oracle, own: str):
    """What removing each channel of the group costs, and how well each criterion foresaw it."""
    words = figures.oracle_in_words(found.criteria, found.removed, found.exhaustive, own)
    charts.chart(
        figures.oracle_bars(found.channels),
        f"{words} {found.images:,} hold-out images. " + (LEARNED if found.learned else ""),
        key="oracle",
        alt=f"What removing each channel of {found.group} costs",
        table=found.channels,
    )
    table = found.criteria.assign(criterion=[title(name) for name in found.criteria["criterion"]])
    st.dataframe(
        table.sort_values("regret").round(4),
        hide_index=True,
        key="foresight",
        alt="Rank correlation of every criterion with the measured costs, and its regret in nats",
    )
    for message in found.messages:
        st.caption(message)


def labels(recipe: Recipe):
    """Whether the labels matter to what the recipe's criterion cuts; nothing if it looks at none."""
    if not CRITERIA[recipe.criterion].uses_labels:
        return
    st.subheader("Do the labels matter?")
    st.caption(f"{title(recipe.criterion)} uses labels. Would it choose worse with shuffled ones?")
    measurement.on_request(
        "Compare with shuffled labels",
        partial(ask_labels, recipe),
        labels_told,
        help="Scores, cuts and recalibrates with true labels and with shuffled ones, 5 times, and compares "
        "the loss on up to 500 hold-out images: about half a minute.",
    )


def labels_told(found: LabelTest):
    lead, aware = found.lead, found.class_aware
    numbers = (lead.mean, lead.low, lead.high, aware, found.images)
    st.markdown(figures.labels_in_words(found.shuffles, found.criterion, *numbers))
    with st.expander("Shuffle by shuffle (mean cross-entropy in nats)", key="shuffles folded"):
        st.dataframe(found.shuffles.round(4), hide_index=True, key="shuffles", alt="Every shuffle's losses")
    if found.learned:
        st.caption(LEARNED)


# ------------------------------------------------------------------------------------------- what is asked


def ask_oracle(recipe: Recipe, group: str, **how) -> preview_cache.Answer:
    """inspection.oracle.Oracle; does not wait."""
    key = f"{preview_cache.digest(recipe, (*preview_cache.SCORING, 'cut'))} {group}"
    return preview_cache.ask(measure_oracle, recipe, group, key=key, title=f"Oracle of {group}", **how)


def ask_choices(
    recipe: Recipe, group: str, alone: tuple, own: tuple, other: tuple, **how
) -> preview_cache.Answer:
    """inspection.criterion_duel.MeasuredChoices: what two choices within a group cost; does not wait."""
    of = preview_cache.digest(recipe, (*preview_cache.NETWORK, "calibration"))
    key = f"{of} {group} {alone} {own} {other}"
    title = f"Who is right in {group}?"
    return preview_cache.ask(measure_choices, recipe, group, alone, own, other, key=key, title=title, **how)


def ask_labels(recipe: Recipe, **how) -> preview_cache.Answer:
    """inspection.label_shuffling.LabelTest: whether the labels matter at the recipe's cut; does not wait."""
    key = preview_cache.digest(recipe, (*preview_cache.SCORING, *preview_cache.CUTTING))
    return preview_cache.ask(
        labels_tested, replace(recipe, epochs=0), key=key, title="Do the labels matter?", **how
    )
