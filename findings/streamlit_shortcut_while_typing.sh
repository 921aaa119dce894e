#!/usr/bin/env bash
# streamlit 1.67.0: a button with shortcut="Ctrl+Z" beside a number field, in Chromium (playwright 1.65.2; needs `chromium`).
# Expected: whoever types in the field and presses Ctrl+Z takes back what was typed, as in any text field of a browser.
# Seen: the button is pressed instead, and what was typed stays; a field of text does the same. The documentation of the
# parameter names keys that are reserved, and says nothing of fields.
# What follows: for keys that mean something to who types, stop the event before Streamlit hears it where a field has the focus.
set -euo pipefail
folder=$(mktemp -d)
server=""
trap 'if [ -n "$server" ]; then kill "$server" || true; fi; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check streamlit==1.67.0 playwright==1.65.2
cd "$folder"
cat > app.py <<'PYTHON'
import streamlit as st

pressed = st.session_state.setdefault("pressed", [])
st.button("Undo", shortcut="Ctrl+Z", on_click=pressed.append, args=(1,))
st.number_input("A number", value=0)
st.text_input("A text", value="a")
st.write(f"pressed {len(pressed)} times")
PYTHON
port=$(venv/bin/python -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
venv/bin/streamlit run app.py --server.port "$port" --server.address 127.0.0.1 --server.headless true \
  --browser.gatherUsageStats false > server.log 2>&1 &
server=$!
PORT=$port venv/bin/python - <<'PYTHON'
import os
import shutil
import time

from playwright.sync_api import expect, sync_playwright

with sync_playwright() as playwright:
    page = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"]).new_page()
    for _ in range(100):
        try:
            page.goto(f"http://127.0.0.1:{os.environ['PORT']}")
            break
        except Exception:
            time.sleep(0.3)
    expect(page.get_by_text("pressed 0 times")).to_be_visible(timeout=60_000)
    for times, (role, name, typed) in enumerate((("spinbutton", "A number", "07"), ("textbox", "A text", "a7")), 1):
        field = page.get_by_role(role, name=name)
        field.press("End")
        field.press_sequentially("7")
        field.press("Control+z")
        expect(page.get_by_text(f"pressed {times} times")).to_be_visible(timeout=60_000)
        print(f"{name}: Ctrl+Z pressed the button, and the field holds {field.input_value()!r}")
        assert field.input_value().lstrip("0") == typed.lstrip("0"), "what was typed was taken back"
print("seen: a shortcut's keys press the button also while one types")
PYTHON
