"""The store of runs: MLflow tracking, in a SQLite file of one's own or on a team's server.

MLflow's own word of how a run ended can't be relied on: a process that is killed leaves it running for ever.
So a run is finished when its report was written, last of all, and a run whose process is gone is marked as
interrupted when the store is opened next. Each process holds a lock on a file of its own while it lives; one
that can be taken belongs to a process that is gone.
"""

import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlparse
from urllib.request import url2pathname

from pruning.error_messages import first_line
from pruning.experiment.recipe import Recipe
from pruning.runs.kept_run import KEY, KIND, LINK, PROCESS, REASON, SECONDS, STATUS, KeptRun, kept_run
from pruning.runs.logged_values import LONGEST, metrics_of, name_of, params_of

T = TypeVar("T")
log = logging.getLogger(__name__)
EXPERIMENT = "pruning-explorer"
FOLDER, TEAM = "PRUNING_RUNS", "MLFLOW_TRACKING_URI"
DATABASE, ARTIFACTS, LOCKS = "runs.db", "artifacts", "processes"
QUIET = {  # MLflow reports to nobody, prints nothing, and soon says that a server is not there
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
REPORT, PREDICTIONS = "report.json", "predictions.npz"
PATIENCE = 120.0  # seconds in which a server that is being started anew has to answer
LOOK = 5.0  # seconds between two questions to it
PAGE = 1000  # runs asked for at once
FEW = 100  # keys that are looked up one by one


def runs_folder() -> Path:
    """$PRUNING_RUNS, else ~/.pruning-explorer/runs."""
    return Path(os.environ.get(FOLDER) or Path.home() / ".pruning-explorer" / "runs")


class RunStore:
    """Runs that are kept. Several processes may write at once.

    folder: of the SQLite store; None is `runs_folder()`, or the server that $MLFLOW_TRACKING_URI names.
    Raises ValueError in one sentence where it can't be opened."""

    def __init__(self, folder: str | Path | None = None):
        from filelock import FileLock

        self.uri = os.environ.get(TEAM) if folder is None else None
        self.folder = Path(folder) if folder is not None else runs_folder()
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        _make(self.folder / LOCKS)
        self.process = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.alive = FileLock(self.folder / LOCKS / self.process)
        self.alive.acquire()
        self.writing = FileLock(self.folder / "writing")
        with self.told_of_store():
            self.client, self.experiment = self._opened()
        try:
            self.mark_interrupted()
        except ValueError as error:  # a disk that is full: what is there can be read all the same
            log.info("%s", error)

    def _opened(self):
        """The client, and the experiment's id; the first to come makes the database, and the others wait:
        those that start at once on one that isn't there break it."""
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table that it makes
        uri = self.uri or f"sqlite:///{(self.folder / DATABASE).resolve()}"
        with self.writing:
            client = MlflowClient(uri)
            known = client.get_experiment_by_name(EXPERIMENT)
            if known is None:
                place = None if self.uri else (self.folder / ARTIFACTS).resolve().as_uri()
                return client, client.create_experiment(EXPERIMENT, artifact_location=place)
        return client, known.experiment_id

    @contextlib.contextmanager
    def told_of_store(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise ValueError(
                f"the store of runs at {self.place} cannot be used ({first_line(error)}); give another "
                f"folder as {FOLDER}, or a server of this version of MLflow as {TEAM}"
            ) from error

    @property
    def place(self) -> str:
        return self.uri or str(self.folder)

    # ------------------------------------------------------------------------------------------------ writing

    def begin(self, recipe: Recipe, key: str, kind: str = "recipe", **tags: str) -> str:
        """Notes that a run is under way; returns its id."""
        from mlflow.entities import Param

        told = {STATUS: "running", KEY: key, PROCESS: self.process, KIND: kind}
        told[LINK] = urlencode(recipe.to_query())
        told |= {f"pruning.{name}": value for name, value in tags.items() if value}
        params = [Param(name, text) for name, text in params_of(recipe).items()]

        def begun() -> str:
            run = self.client.create_run(self.experiment, tags=told, run_name=name_of(recipe))
            self.client.log_batch(run.info.run_id, params=params)
            return run.info.run_id

        return self._written(begun)

    def finish(
        self, id: str, folder: str | Path, report: Mapping[str, Any], seconds: float, history: Iterable = ()
    ):
        """Keeps a run's files and curves, then that it is finished. folder: what `Result.save` wrote."""
        from mlflow.entities import RunTag

        files = [file for file in Path(folder).iterdir() if file.is_file()]
        metrics = metrics_of(report, history, seconds)
        told = {STATUS: "finished", SECONDS: f"{seconds:.3f}"}

        def finished():
            try:
                self.client.log_batch(id, metrics=metrics)
                for file in sorted(files, key=lambda file: file.name == REPORT):  # the report last
                    self.client.log_artifact(id, str(file))
                self.client.log_batch(id, tags=[RunTag(name, value) for name, value in told.items()])
            except Exception:
                if not self.uri:  # what is half there would only take up a disk that is full
                    shutil.rmtree(self.folder / ARTIFACTS / id, ignore_errors=True)
                raise
            self.client.set_terminated(id, "FINISHED")

        self._written(finished)

    def end(self, id: str, status: str, reason: str):
        """Notes that a run has no result. status: failed, lost or interrupted."""
        from mlflow.entities import RunTag

        tags = [RunTag(STATUS, status), RunTag(REASON, reason[:LONGEST])]

        def ended():
            self.client.log_batch(id, tags=tags)
            self.client.set_terminated(id, "FAILED" if status == "failed" else "KILLED")

        self._written(ended)

    def _written(self, step: Callable[[], T]) -> T:
        """What a step that writes returns. A server that is gone is waited for, and then asked once more.
        Raises ValueError in one sentence where nothing can be written."""
        try:
            with self.write():
                try:
                    return step()
                except Exception:
                    if not self.uri:
                        raise
                    self._wait_for_server()
                    return step()
        except Exception as error:
            raise ValueError(
                f"the store of runs at {self.place} cannot be written ({first_line(error)}); what it has "
                "stays, and the same command goes on once it can be written"
            ) from error

    def _wait_for_server(self):
        """Until it answers, or for PATIENCE seconds."""
        end = time.monotonic() + PATIENCE
        log.warning("the store of runs at %s does not answer; it is asked again for a while", self.uri)
        while True:
            try:
                self.client.get_experiment(self.experiment)
                return
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(LOOK)

    def mark_interrupted(self):
        """Runs whose process is gone are marked as interrupted."""
        from filelock import FileLock, Timeout

        gone: dict[str, bool] = {}
        for run in list(self.runs(f"tags.`{STATUS}` = 'running'")):
            process = run.tags.get(PROCESS, "")
            place = self.folder / LOCKS / process
            if process == self.process or (self.uri and not place.exists()):  # or of another machine
                continue
            if process not in gone:
                try:
                    FileLock(place).acquire(timeout=0).lock.release()
                    gone[process] = True
                    place.unlink(missing_ok=True)
                except Timeout:
                    gone[process] = False
            if gone[process]:
                self.end(run.id, "interrupted", "its process ended before the run did")

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """One process writes at a time; a server looks after that itself."""
        with contextlib.nullcontext() if self.uri else self.writing:
            yield

    # ------------------------------------------------------------------------------------------------ reading

    def runs(self, query: str = "", most: int | None = None) -> Iterator[KeptRun]:
        """The newest first. query: as MLflow's `search_runs` takes it."""
        token, left = None, most
        while left is None or left > 0:
            how = {"max_results": min(PAGE, left or PAGE), "page_token": token}
            with self.told_of_store():
                page = self.client.search_runs(
                    [self.experiment], query, order_by=["attributes.start_time DESC"], **how
                )
            for run in page:
                yield kept_run(run)
            token, left = page.token, None if left is None else left - len(page)
            if not token:
                return

    def finished(self, key: str) -> KeptRun | None:
        """The newest finished run of these numbers."""
        return next(self.runs(f"tags.`{KEY}` = '{key}' and tags.`{STATUS}` = 'finished'", most=1), None)

    def all_finished(self, wanted: int) -> Callable[[str], KeptRun | None]:
        """What `finished` answers, as a function for many keys. wanted: about how many; of a few each is
        looked up (50 ms among 10,000 runs), for more all runs are read at once (14 s of them)."""
        if wanted <= FEW:
            return self.finished
        found: dict[str, KeptRun] = {}
        for run in self.runs(f"tags.`{STATUS}` = 'finished'"):
            found.setdefault(run.key, run)
        return found.get

    def fetch(self, run: KeptRun, name: str, folder: str | Path | None = None) -> Path:
        """One file of a run, such as report.json; `name` "" is all of them, as a folder. Of a store on this
        machine it is the store's own file, unless a folder is given."""
        own = Path(url2pathname(urlparse(run.artifacts).path))
        if not self.uri and folder is None and own.exists():
            return own / name
        place = str(folder) if folder is not None else None
        with self.told_of_store():
            return Path(self.client.download_artifacts(run.id, name, place))

    def __enter__(self) -> "RunStore":
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.alive.release()
        (self.folder / LOCKS / self.process).unlink(missing_ok=True)


def _make(folder: Path):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"the store of runs at {folder.parent} cannot be written ({error.strerror}); give another folder "
            f"as {FOLDER}"
        ) from error
