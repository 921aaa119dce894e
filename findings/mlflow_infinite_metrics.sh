#!/usr/bin/env bash
# mlflow-skinny 3.17.2 with its SQLite store: a metric that is infinite, such as the loss of a run that diverged.
# Expected: what is read is what was logged, or logging is refused.
# Seen: infinity comes back as 1.7976931348623157e+308, the largest finite number, and minus infinity as its negative, so
# math.isinf says no and a mean over runs is finite nonsense. Not-a-number comes back as such.
# What follows: what may be infinite is logged as a tag too, or read with |value| < 1e308 in mind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1
export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
cd "$folder"
venv/bin/python - <<'PYTHON'
import math

import mlflow

mlflow.set_tracking_uri("sqlite:///runs.db")
given = {"loss": math.inf, "gain": -math.inf, "rate": math.nan, "accuracy": 0.5}
with mlflow.start_run() as run:
    for name, value in given.items():
        mlflow.log_metric(name, value)
read = mlflow.get_run(run.info.run_id).data.metrics
print("logged", given, "read", read)
assert read["loss"] == -read["gain"] == 1.7976931348623157e308 and not math.isinf(read["loss"])
assert math.isnan(read["rate"]) and read["accuracy"] == 0.5
PYTHON
