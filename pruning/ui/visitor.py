"""Who is asking: a random token that the browser keeps as a cookie, so that a reload and a second tab are the
same visitor. Uploads and jobs belong to a visitor.

A session whose browser brought no cookie makes a token, and a script on the page has the browser keep it. The
token itself stays with the browser and its sessions; everything else knows only its digest, the owner's name.
"""

import hashlib
import re
import secrets

import streamlit as st

COOKIE = "pruning_visitor"
BYTES = 32  # of chance in a token
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # what `secrets.token_urlsafe` makes of them
DAYS = 30  # a browser keeps the cookie after the last visit
# SameSite=Strict: no page of another site can send it along. Where the browser holds a token already, which
# another tab has set meanwhile, that one counts.
JS = """
export default function ({ data, setStateValue }) {
  const held = () => document.cookie.split('; ').map((part) => part.split('='))
    .filter(([name, value]) => name === data.cookie && /^[A-Za-z0-9_-]{43}$/.test(value))
    .map(([, value]) => value)[0];
  const before = held();
  const secure = window.location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `${data.cookie}=${before ?? data.token}; Max-Age=${data.seconds}; Path=/; ` +
    `SameSite=Strict${secure}`;
  const after = held();
  if (after === undefined) setStateValue('refused', true);
  else if (after !== data.token) setStateValue('token', after);
}
"""
_keeper = st.components.v2.component("visitor", html="<span></span>", js=JS)
KEY = "visitor cookie"


def token() -> str:
    """This session's token: the browser's, or a new one."""
    if "visitor" not in st.session_state:
        brought = st.context.cookies.get(COOKIE, "")
        st.session_state["visitor"] = brought if TOKEN.fullmatch(brought) else secrets.token_urlsafe(BYTES)
    return st.session_state["visitor"]


def owner() -> str:
    """The visitor's name among the server's others."""
    return owner_of(token())


def owner_of(token: str) -> str:
    """A token's digest: nobody gets from it to the token."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def remember():
    """Has the browser keep the token. To be called once a page; it takes no room."""
    data = {"cookie": COOKIE, "token": token(), "seconds": DAYS * 24 * 3600}
    with st.container(height=1, border=False):
        _keeper(key=KEY, data=data, on_token_change=adopt, on_refused_change=lambda: None)


def adopt():
    """A callback: the browser held another token already."""
    told = st.session_state[KEY].get("token") or ""
    if TOKEN.fullmatch(told):
        st.session_state["visitor"] = told


def kept() -> bool:
    """Whether the browser keeps the token, as far as it has told: then the next session is the same
    visitor."""
    return not (st.session_state.get(KEY) or {}).get("refused")
