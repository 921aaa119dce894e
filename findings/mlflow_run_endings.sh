#!/usr/bin/env bash
# mlflow-skinny 3.17.2 with its SQLite store: what a run's status says of how its process ended.
# Expected: FINISHED where the work was done, FAILED where it was not, and something of its own where it was cut off.
# Seen: `sys.exit(0)` inside `with start_run()` is FAILED, though the process ends well; an exception nobody catches after
# `start_run()` without `with` is FINISHED; a process that gets SIGTERM or SIGKILL leaves the run RUNNING, for ever.
# What follows: keep a word of one's own (a tag, a file that is written last), and look after processes that are gone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1
export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
"$folder/venv/bin/python" - "$folder" 2>/dev/null <<'PYTHON'
import os
import signal
import subprocess
import sys

import mlflow

store = f"sqlite:///{sys.argv[1]}/runs.db"
client = mlflow.MlflowClient(store)
client.create_experiment("endings", artifact_location=f"file://{sys.argv[1]}/artifacts")
BEGIN = f"import mlflow, os, signal, sys; mlflow.set_tracking_uri({store!r}); mlflow.set_experiment('endings')\n"
ENDINGS = {
    "returns inside with": "with mlflow.start_run(run_name=sys.argv[1]): pass",
    "raises inside with": "with mlflow.start_run(run_name=sys.argv[1]): raise ValueError",
    "sys.exit(0) inside with": "with mlflow.start_run(run_name=sys.argv[1]): sys.exit(0)",
    "raises without with": "mlflow.start_run(run_name=sys.argv[1]); raise ValueError",
    "SIGTERM": "mlflow.start_run(run_name=sys.argv[1]); os.kill(os.getpid(), signal.SIGTERM)",
    "SIGKILL": "mlflow.start_run(run_name=sys.argv[1]); os.kill(os.getpid(), signal.SIGKILL)",
}
SEEN = {
    "returns inside with": "FINISHED",
    "raises inside with": "FAILED",
    "sys.exit(0) inside with": "FAILED",
    "raises without with": "FINISHED",
    "SIGTERM": "RUNNING",
    "SIGKILL": "RUNNING",
}
for name, code in ENDINGS.items():
    subprocess.run([sys.executable, "-c", BEGIN + code, name], capture_output=True)
experiment = client.get_experiment_by_name("endings").experiment_id
found = {run.info.run_name: run.info.status for run in client.search_runs([experiment])}
for name in ENDINGS:
    print(f"{name}: {found[name]}")
if found != SEEN:
    raise SystemExit("other statuses than seen")
PYTHON
