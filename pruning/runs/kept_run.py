"""A run as the store of runs has it, and the tags that say so."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

STATUS, KEY, PROCESS, SECONDS, REASON, KIND, LINK = (
    f"pruning.{name}" for name in ("status", "key", "process", "seconds", "reason", "kind", "link")
)


@dataclass(frozen=True)
class KeptRun:
    """A run of the store. status: running, finished, failed, lost or interrupted.   tags, params: texts.
    metrics: the latest of each."""

    id: str
    status: str
    key: str
    kind: str
    seconds: float
    reason: str
    started: float  # seconds since 1970
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: str = ""  # where its files are, as a URI

    @property
    def kept_at(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started))


def kept_run(run) -> KeptRun:
    tags = run.data.tags
    return KeptRun(
        run.info.run_id,
        tags.get(STATUS, "unknown"),
        tags.get(KEY, ""),
        tags.get(KIND, "recipe"),
        float(tags.get(SECONDS, "nan")),
        tags.get(REASON, ""),
        run.info.start_time / 1000,
        run.data.params,
        run.data.metrics,
        tags,
        run.info.artifact_uri,
    )
