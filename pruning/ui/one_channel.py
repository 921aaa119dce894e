"""The drill-down of one channel: nothing is computed before a channel is chosen."""

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.figures import channel as figures
from pruning.inspection.one_channel import PICTURES, Channel
from pruning.terms import plural, title
from pruning.ui import channel_map, charts, picture_strips, preview_cache, state

BY = {"largest": "maximum", "mean": "mean"}
OF = {"classes": "of class {}", "masks": "that shows {}", "pictures": "that goes from {}"}
KIND = {"classes": "class", "masks": "class", "pictures": "translation"}
FED = {
    "classes": "hold-out images of class",
    "masks": "hold-out pixels of class",
    "pictures": "hold-out images asked for in domain",
}
WORDS = {"largest": "maximum activation", "mean": "mean activation"}


def panel(recipe: Recipe, table: pd.DataFrame):
    """All about the chosen channel of the opened group."""
    group, chosen = channel_map.opened(table), channel_map.selected(table)
    if chosen is None:
        return
    rows = table[table["group"] == group]
    st.subheader(f"Channel {chosen} of {group}")
    st.markdown(standing(rows, chosen, recipe.criterion))
    first, by = which_images()
    preview_cache.follow(
        lambda **how: preview_cache.ask_channel(recipe, group, chosen, first, by, **how),
        lambda found: draw(recipe, found, rows, by),
    )


def which_images() -> tuple[int, str]:
    """From which hold-out image eight are shown, and by what the most exciting ones are found."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.number_input(
            "Hold-out images from number",
            0,
            step=PICTURES,
            width=220,
            help=f"{PICTURES} images in a row are shown, from this one on; the last {PICTURES} at most.",
        )
        by = st.segmented_control(
            "Images with its highest activation, by its",
            list(BY),
            format_func=BY.get,
            default="largest",
            required=True,
            help="By the maximum of the activation over the image, or by its mean.",
        )
    return first, by


def standing(rows: pd.DataFrame, channel: int, criterion: str) -> str:
    """Where a channel stands among those of its group."""
    order = rows.sort_values(["score", "channel"], ascending=[True, False], kind="stable")["channel"].tolist()
    place, row = order.index(channel) + 1, rows.set_index("channel").loc[channel]
    fate = "is cut" if row["cut"] else "stays"
    return (
        f"By {title(criterion)} it is number {place} of {len(rows)} in the order of removal; at this cut "
        f"it **{fate}**."
    )


def draw(recipe: Recipe, found: Channel, rows: pd.DataFrame, by: str):
    """All that is known of the channel."""
    for note in found.notes:
        st.warning(note)
    drawn_as = preview_cache.task_of(recipe).drawn_as or "classes"
    pixels = drawn_as == "masks"
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Its activation** in hold-out images")
        maps, images = found.chosen.maps, found.chosen.images
        picture_strips.strip(
            images, [of_class(label, drawn_as) for label in found.chosen.labels], figures.shades(maps)
        )
        st.caption(figures.maps_in_words(found.chosen.labels, maps, found.reader, of=OF[drawn_as]))
        kernel(found)
    with right:
        st.markdown("**Images with its highest activation**")
        most = found.activity.set_index("image")[by]
        told = [
            f"{of_class(label, drawn_as)}: {most[row]:.2g}"
            for label, row in zip(found.strongest.labels, found.strongest.rows, strict=True)
        ]
        picture_strips.strip(found.strongest.images, told, figures.shades(found.strongest.maps))
        classes = found.activity["label"].nunique()
        which = (found.strongest.labels, classes, len(most), WORDS[by])
        st.caption(figures.strongest_in_words(*which, pixels=pixels, kind=KIND[drawn_as]))
        similar(found, rows)
    preview_cache.follow(
        lambda **how: preview_cache.ask_classes(recipe, found.group, **how),
        lambda table: classes_fed(table[table["channel"] == found.channel], found, drawn_as),
    )


def kernel(found: Channel):
    """The writer's weights for the inputs that it reads most strongly."""
    weights = figures.kernel_table(found.inputs, found.kernel)
    others = (
        (f" {plural(found.writers - 1, 'more layer writes', 'more layers write')} the channel.")
        if found.writers > 1
        else ""
    )
    charts.chart(
        figures.kernel_maps(weights),
        figures.kernel_in_words(weights, found.writer, found.reads) + others,
        key="kernel",
        alt=f"Kernel of channel {found.channel} in {found.writer}",
        table=weights,
    )


def similar(found: Channel, rows: pd.DataFrame):
    """The channels that are most alike, in the criterion's own distance; a click goes there."""
    near = found.similar.merge(rows[["channel", "cut"]], on="channel")
    charts.chart(
        figures.similar_bars(near, found.distance),
        figures.similar_in_words(near, found.channel, found.distance),
        key="similar",
        alt=f"Channels most similar to channel {found.channel}",
        table=near,
        click=lambda point: state.look_at(channel=point["x"]),
    )


def of_class(label: str, drawn_as: str) -> str:
    """What an image is of, what its pixels are of, or from where to where it is translated."""
    return {"masks": f"shows {label}", "pictures": label}.get(drawn_as, f"class {label}")


def classes_fed(attributions: pd.DataFrame, found: Channel, drawn_as: str):
    """Which classes' scores the channel feeds."""
    charts.chart(
        figures.class_bars(attributions),
        figures.classes_in_words(attributions, of=FED[drawn_as]),
        key="classes",
        alt=f"What channel {found.channel} adds to each class's score",
        table=attributions,
    )
