"""The one primary button, and the job it starts: waiting, at work, ended. The job's id is in the link."""

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from pruning.experiment import Recipe
from pruning.experiment.duration import LEFT, about
from pruning.figures import training
from pruning.figures.method_style import QUIET
from pruning.figures.tradeoff import stage_points
from pruning.jobs import Event, Job
from pruning.metric_words import axis
from pruning.runs.keeping import run_report_and_keep
from pruning.tasks import Metric
from pruning.terms import sentence
from pruning.ui import display_names, duration, jobs, open_pages, own_network, preview_cache, state
from pruning.ui.page_messages import in_page_words
from pruning.ui.prune import kept_run, result

STAGES = preview_cache.STAGES | {"plan": "Choosing channels", "cut": "Cutting", "tune": "Fine-tuning"}
HEIGHT = 210  # pixels of a live chart
OF_EPOCHS = (
    "The loss is the mean of the epoch so far. After each epoch the hold-out images decide whether its state "
    "is kept. "
)


def button(recipe: Recipe):
    """Hands the recipe to a job; computes nothing here."""
    lacking = own_network.lacks_weights(recipe)
    refused = jobs.too_much(recipe) or bool(lacking)
    st.button(
        "Prune and fine-tune" if recipe.epochs else "Prune",
        disabled=refused,
        type="primary",
        width="stretch",
        help=lacking or "Cuts the network, repairs and fine-tunes it, and measures it on the test images.",
        on_click=start,
    )
    foretold(recipe)


def foretold(recipe: Recipe):
    """Under the button: how long a run takes, unless one is at work, and whose jobs come before it."""
    if not own_network.lacks_weights(recipe) and ((job := shown()) is None or job.finished):
        duration.line(recipe)
    told_of_others()


def start():
    """A click's callback: the job is on its way, and in the link, before the page is drawn again."""
    recipe = state.recipe_now()
    words = f"{display_names.subject(recipe)}: {result.settings(recipe)}"
    how = {"title": words, "foreseen": duration.foreseen(recipe)}
    if job := jobs.start(run_report_and_keep, recipe, jobs.workers().results_folder(), **how):
        state.look_at(job=job.id)


def shown() -> Job | None:
    """The job that the link names, if this server knows it."""
    id = state.looking_at("job")
    return jobs.workers().job(id) if id else None


def panel():
    """The run: how far it is and its curves as they move, or how it ended; what to do where there is none.
    Below, other jobs."""
    id, job = state.looking_at("job"), shown()
    if id is None:
        st.info("Nothing has been run yet. Start a run under Plan, and watch it here.")
    elif job is None:
        unknown(id)
    elif not job.finished:
        st.markdown(f"**{job.title}**")
        st.fragment(live, run_every=open_pages.every(1.0))(job)
    else:
        ended(job)
        curves(job)
    others(job)


def unknown(id: str):
    """A link's job that this server never had, or has no more."""
    st.warning(f"This server has no job {id}: the server was restarted since. Start the run again.")
    st.button("Close", on_click=state.look_at, kwargs={"job": None})


def ended(job: Job):
    """How a job ended, in a line."""
    if job.status == "done":
        st.success(result.in_short(job.result()))
    elif job.status == "cancelled":
        st.info(f"This job was cancelled. {job.title}")
    else:
        st.error(f"{in_page_words(job.error)} ({job.title})")


def result_panel():
    """What came of the job that is done, or of the kept run that the link names, the network to take away
    first."""
    if state.looking_at("kept"):
        kept_run.panel(settings)
        return
    job = shown()
    if job is None or job.status != "done":
        st.info("There is no result yet. It appears here as soon as a run has ended.")
        return
    st.markdown(f"**{job.title}**")
    ended(job)
    settings(job.arguments[0], job.id)
    result.panel(job.result(), job.folder)


def settings(recipe: Recipe, id: str):
    """Offers a run's settings where the page shows others by now."""
    if recipe != state.recipe_now():
        left, right = st.columns([4, 1], vertical_alignment="center")
        left.caption("The settings of this page have changed since: this is the run as it was started.")
        right.button("Use its settings", on_click=state.take_up, args=(recipe,), key=f"settings {id}")


# ------------------------------------------------------------------------------------------- while it works


def live(job: Job):
    """Progress, curves and log, drawn again every half second; then one run of the whole page."""
    if job.finished:
        st.rerun()
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    left.progress(*progress(job))
    if jobs.mine(job):
        right.button("Cancel", on_click=jobs.cancel, args=(job,), key=f"cancel {job.id}", width="stretch")
    st.space("small")  # for the charts' own buttons, which come up above them
    curves(job)


def progress(job: Job) -> tuple[float, str]:
    """How far it is, 0 to 1, and what it does, in words."""
    if not job.events:
        return 0.0, jobs.standing(job).capitalize()
    event = job.events[-1]
    words = STAGES.get(event.stage, event.stage.capitalize())
    same = (e.values for e in reversed(job.events) if e.stage == event.stage)
    if epoch := next((values for values in same if "images_per_second" in values), None):
        speed = epoch["images_per_second"]
        words += f": epoch {epoch['epoch']} of {epoch['epochs']}, {speed:,.0f} images per second"
    elif "message" in event.values:
        words += f": {event.values['message']}"
    if LEFT in event.values:
        words += f". About {about(event.values[LEFT])} left of the whole run"
    return min(1.0, event.done / max(1, event.total)), words


def curves(job: Job):
    """Loss, hold-out metric, metric against MACs: native charts, which stay in place as they grow. What is of
    epochs is drawn where the recipe has any: an empty axis would promise some."""
    recipe, events = job.arguments[0], list(job.events)
    metric = preview_cache.task_of(recipe).metric
    value = {"field": "value", "type": "quantitative", "title": f"hold-out {axis(metric)}"}
    value |= scale(domain=[0, 100]) if metric.unit == "share" else {}
    if epochs := max(recipe.epochs, recipe.bits_epochs if recipe.bits is not None else 0):
        by_epoch(recipe, events, value, epochs)
    macs = {"field": "macs", "type": "quantitative", "title": "MACs (millions)"} | scale(domainMin=0)
    place = {"x": macs, "y": value | {"title": f"test {axis(metric)}"}}
    name = {"mark": {"type": "text", "dy": -12, "color": QUIET}, "encoding": {"text": {"field": "stage"}}}
    spec = {"layer": [{"mark": {"type": "point", "filled": True, "size": 80}}, name], "encoding": place}
    left, right = st.columns(2)
    native(left, stage_points(events, metric), spec, f"{sentence(metric.name)} against MACs")
    with right.container(height=HEIGHT, border=False):
        st.code(log(events, metric), language=None, wrap_lines=True)
    st.caption(f"{OF_EPOCHS if epochs else ''}The test images are only used after each stage.")


def by_epoch(recipe: Recipe, events: list[Event], value: dict[str, Any], epochs: int):
    """value: the axis of the hold-out's metric."""
    task, columns = preview_cache.task_of(recipe), st.columns(2)
    x = {"field": "epoch", "type": "quantitative", "title": "epoch"} | scale(domain=[0, epochs])
    loss = {"field": "loss", "type": "quantitative", "title": training.loss_axis(task, recipe.distill)}
    spec: dict[str, Any] = {"mark": "line", "encoding": {"x": x, "y": loss}}
    native(columns[0], training.loss_curve(events), spec, "Training loss")
    spec = {"mark": {"type": "line", "point": True}, "encoding": {"x": x, "y": value}}
    native(columns[1], training.metric_curve(events, task.metric), spec, f"Hold-out {task.metric.name}")


def scale(**how) -> dict:
    return {"scale": how}


def native(column, table, spec: dict, name: str):
    column.vega_lite_chart(table, spec, height=HEIGHT, key=name, alt=name)


def log(events: list[Event], metric: Metric) -> str:
    """A line for each stage, each of its messages and each epoch, the newest first."""
    lines: dict[tuple[str, str], tuple[float, str]] = {}
    for event in events:
        what, came = told(event, metric)
        at, before = lines.get((event.stage, what), (event.time, ""))
        lines[event.stage, what] = (at, came or before)
    texts = []
    for (stage, what), (at, came) in lines.items():
        clock = time.strftime("%H:%M:%S", time.localtime(at))
        texts.append("  ".join(part for part in (clock, stage, what, came) if part))
    return "\n".join(texts[::-1]) or "Nothing has happened yet."


def told(event: Event, metric: Metric) -> tuple[str, str]:
    """What an event is about, and what came of it; empty where it only says that work goes on."""
    value = metric.in_words(event.values[metric.name]) if metric.name in event.values else ""
    if event.stage == training.TUNING:
        if not value:
            return "", ""
        value = f"hold-out {value}"
        if "loss" not in event.values:
            return "before the first epoch", value
        return f"epoch {event.values['epoch']}", f"loss {event.values['loss']:.4f}, {value}"
    return event.values.get("message", ""), value


def others(shown: Job | None, kind: Callable[[Recipe], bool] = lambda recipe: True):
    """The visitor's other jobs, folded; of a kind that the page can show. Of other visitors' only that they
    are there."""
    told_of_others()
    known = [job for job in jobs.own() if job is not shown and kind(job.arguments[0])]
    if not known:
        return
    with st.expander(f"Your other jobs ({len(known)})", key="other jobs folded"):
        for job in known[:20]:
            left, middle, right = st.columns([6, 2, 1], vertical_alignment="center")
            left.markdown(job.title)
            middle.caption(jobs.standing(job))
            right.button("Show", on_click=state.look_at, kwargs={"job": job.id}, key=f"open {job.id}")


def told_of_others():
    if words := jobs.others_in_words():
        st.caption(words)
