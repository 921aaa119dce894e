"""What both networks look at: test images, darkened where the score does not come from."""

import html

import numpy as np
import streamlit as st

from pruning.inspection.grad_cam_pairs import GradCamPairs
from pruning.tasks import Task
from pruning.ui import picture_strips

KINDS = {"broken": "Right before, wrong now", "mended": "Wrong before, right now", "same": "As before"}
WORDS = """Each image as it is, then as the full network and as the pruned one sees it: bright where the
score of {} comes from (Grad-CAM, each map over its own largest value), dark elsewhere."""
OF = {
    "classes": "the answer it gives",
    "masks": "the class that it says most of the image is of",
    "pictures": "the domain that its translation is taken for",
}
HELP = {
    "classes": "Images whose predicted class pruning has changed, or some of those that it has not.",
    "masks": "Images that turned wrong or right, or some of those that did neither.",
    "pictures": "Images whose translation turned wrong or right, or some of those whose did neither.",
}
SAYS = {"classes": " says", "pictures": "'s is taken for"}
DARKEST = 0.12  # of a pixel's brightness, where nothing of the score comes from


def panel(found: GradCamPairs | None, task: Task, unseen: str = ""):
    """Grad-CAM before and after, for one kind of image at a time. unseen: why there can be none."""
    if unseen:
        return
    st.subheader("What both networks look at", anchor=False)
    if found is None:
        st.caption("This network has no layer with spatial maps, so Grad-CAM has nothing to show.")
        return
    kinds = [kind for kind in KINDS if (found.images["change"] == kind).any()]
    kind = st.segmented_control(
        "Test images",
        kinds,
        default=kinds[0],
        format_func=KINDS.get,
        required=True,
        help=HELP[task.drawn_as],
        key="looked at",
    )
    strip(found, np.flatnonzero(found.images["change"] == kind), task)
    st.caption(WORDS.format(OF[task.drawn_as]))


def strip(found: GradCamPairs, rows: np.ndarray, task: Task):
    """A column an image: the picture, and lit as either network sees it."""
    columns, says = [], SAYS.get(task.drawn_as, f": {task.metric.name}")
    for row in rows:
        told = found.images.iloc[row]
        seen = (
            (found.pictures[row], f"Test image {told['image']}: {told['label']}"),
            (lit(found.pictures[row], found.before[row]), f"The full network{says} {told['before']}"),
            (lit(found.pictures[row], found.after[row]), f"The pruned network{says} {told['after']}"),
        )
        images = "".join(picture_strips.picture(image, html.escape(words)) for image, words in seen)
        label, before, after = (html.escape(str(told[name])) for name in ("label", "before", "after"))
        caption = f"<b>{label}</b><br>full: {before}<br>pruned: {after}"
        columns.append(f"<figure>{images}<figcaption>{caption}</figcaption></figure>")
    st.html(picture_strips.STYLE + f"<div class='strip'>{''.join(columns)}</div>")


def lit(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A picture as bright as its heat. picture: uint8 [H, W, 3].   heat: uint8 [H, W]."""
    share = DARKEST + (1 - DARKEST) * (heat / 255.0)[..., None]
    return (picture * share).round().astype(np.uint8)
