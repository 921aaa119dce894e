"""A session of the app without a browser: Streamlit's own messages over a websocket, so that thirty of them
cost next to nothing.

It does what a browser does that counts for the server: it tells widgets' values, runs the parts of a page
again that ask for it (`run_every`), and receives everything that is drawn.
"""

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

LARGEST = 2**27  # bytes of a message


@dataclass
class Session:
    """One browser's worth. metrics: {label: what it shows since the page ran last}.   controls: {label: a
    slider's or button's message}.   said: {place: text}.   wrong: what went wrong, in words.   received:
    bytes.   pages: how often the whole page began to be drawn."""

    host: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    metrics: dict[str, str] = field(default_factory=dict)
    controls: dict[str, object] = field(default_factory=dict)
    said: dict[tuple, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    received: int = 0
    query: str = ""
    script: str = ""
    pages: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    timers: dict[str, asyncio.Task] = field(default_factory=dict)

    async def open(self, page: str, query: str):
        protocols = [websockets.Subprotocol("streamlit")]
        headers = {"Cookie": f"pruning_visitor={self.token}"}
        self.socket = await websockets.connect(
            f"ws://{self.host}/_stcore/stream",
            subprotocols=protocols,
            additional_headers=headers,
            max_size=LARGEST,
            compression=None,
            proxy=None,
            ping_timeout=None,
        )
        self.query, self.page = query, page
        self.reader = asyncio.create_task(self.read())
        await self.rerun()

    async def close(self):
        for timer in self.timers.values():
            timer.cancel()
        await self.socket.close()
        await asyncio.gather(self.reader, return_exceptions=True)

    async def rerun(self, *states: WidgetState, fragment: str = ""):
        """Asks for a run of the page, or of a part of it."""
        asked = ClientState(query_string=self.query, page_script_hash=self.script, fragment_id=fragment)
        if not self.script:
            asked.page_name = self.page
        asked.is_auto_rerun = bool(fragment)
        asked.widget_states.CopyFrom(WidgetStates(widgets=states))
        await self.socket.send(BackMsg(rerun_script=asked).SerializeToString())

    async def slide(self, label: str, value: float):
        state = WidgetState(id=self.controls[label].id)
        state.double_array_value.data.append(value)
        await self.rerun(state)

    async def press(self, label: str):
        await self.press_id(self.controls[label].id)

    async def press_id(self, id: str):
        await self.rerun(WidgetState(id=id, trigger_value=True))

    async def until(self, true, seconds: float) -> float:
        """Seconds until `true()`, looked at whenever something has arrived; raises TimeoutError."""
        begun = time.monotonic()
        async with asyncio.timeout(seconds):
            while not true():
                self.changed.clear()
                await self.changed.wait()
        return time.monotonic() - begun

    # ------------------------------------------------------------------------------------------ what comes

    async def read(self):
        try:
            async for content in self.socket:
                self.received += len(content)
                self.take(ForwardMsg.FromString(content))
                self.changed.set()
        except websockets.ConnectionClosedError as error:
            self.wrong.append(f"connection lost: {error}")

    def take(self, message: ForwardMsg):
        kind = message.WhichOneof("type")
        if kind == "delta":
            for place, element in elements(message):
                self.draw(place, element)
        elif kind == "new_session":
            if not message.metadata.run.fragment_ids:
                self.begin_page()
        elif kind == "navigation":
            self.script = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            self.again(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self.stop(fragment)

    def begin_page(self):
        self.pages += 1
        self.metrics, self.said = {}, {}
        for fragment in list(self.timers):
            self.stop(fragment)

    def draw(self, place: tuple, element):
        kind = element.WhichOneof("type")
        if kind == "metric":
            self.metrics[element.metric.label] = element.metric.body
        elif kind in ("slider", "button"):
            self.controls[getattr(element, kind).label] = getattr(element, kind)
        elif kind == "exception":
            self.wrong.append(element.exception.message)
        elif kind == "alert":
            self.said[place] = element.alert.body
            if "defect" in element.alert.body:
                self.wrong.append(element.alert.body)
        elif kind == "progress":
            self.said[place] = element.progress.text

    def again(self, fragment: str, interval: float):
        self.stop(fragment)
        self.timers[fragment] = asyncio.create_task(self.tick(fragment, interval))

    def stop(self, fragment: str):
        if timer := self.timers.pop(fragment, None):
            timer.cancel()

    async def tick(self, fragment: str, interval: float):
        while True:
            await asyncio.sleep(interval)
            await self.rerun(fragment=fragment)


def elements(message: ForwardMsg) -> Iterator[tuple[tuple, object]]:
    if message.delta.WhichOneof("type") == "new_element":
        yield tuple(message.metadata.delta_path), message.delta.new_element
