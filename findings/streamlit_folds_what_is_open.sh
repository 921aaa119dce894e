#!/usr/bin/env bash
# streamlit 1.67.0: an expander that is unfolded and typed in when a result arrives above it, in Chromium (playwright 1.65.2;
# needs `chromium`).
# Expected: one line more above moves the expander down; it stays open, and what is being typed stays.
# Seen: the expander is folded and the field in it empty: without a key it is told from others by how many elements stand above,
# so one more makes it a new one. With key= it stays open; what had just been typed is gone there too.
# What follows: whatever is opened by a click gets a key, and what comes later has a place of its own (st.container) from the
# start, so that nothing is counted anew.
set -euo pipefail
folder=$(mktemp -d)
server=""
trap 'if [ -n "$server" ]; then kill "$server" || true; fi; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check streamlit==1.67.0 playwright==1.65.2
cd "$folder"
cat > app.py <<'PYTHON'
from pathlib import Path

import streamlit as st

result = Path("result")  # what some other process makes
if result.exists():
    st.write("The result")
with st.expander("Form", key=st.query_params.get("key")):
    st.text_input("Name")


@st.fragment(run_every=1)
def look():
    if result.exists() != st.session_state.setdefault("seen", result.exists()):
        st.session_state.seen = result.exists()
        st.rerun()


look()
PYTHON
port=$(venv/bin/python -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
venv/bin/streamlit run app.py --server.port "$port" --server.address 127.0.0.1 --server.headless true \
  --browser.gatherUsageStats false > server.log 2>&1 &
server=$!
PORT=$port venv/bin/python - <<'PYTHON'
import os
import shutil
import time
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    kept = {}
    for query in ("", "?key=form"):
        result = Path("result")
        result.unlink(missing_ok=True)
        page = browser.new_page()
        for _ in range(100):
            try:
                page.goto(f"http://127.0.0.1:{os.environ['PORT']}/{query}")
                break
            except Exception:
                time.sleep(0.3)
        page.get_by_text("Form").click(timeout=60_000)
        field = page.get_by_label("Name")
        field.press_sequentially("half a na")
        result.touch()
        expect(page.get_by_text("The result")).to_be_visible(timeout=60_000)
        time.sleep(2)
        kept[query] = page.locator("details").evaluate("expander => expander.open")
        print(f"{query or 'no key'}: {'open' if kept[query] else 'folded'}, and the field holds {field.input_value()!r}")
        assert field.input_value() == ""
        page.close()
assert kept == {"": False, "?key=form": True}
PYTHON
