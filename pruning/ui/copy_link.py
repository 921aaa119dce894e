"""One button that copies the address bar, which is the link to exactly this view.

The browser's Back goes to the page before: a choice on a page is no step of its own. Streamlit adds an entry
to the history for every change of the link; going back to one runs the page with a link that this session has
left, so choice after choice nothing would be seen to change. So an address that differs in its query alone
takes the place of the entry before."""

import streamlit as st

HTML = '<button type="button">Copy link</button>'
CSS = """
button {
  width: 100%; padding: 0.45rem 0.8rem; cursor: pointer;
  font: 400 0.95rem var(--st-font); color: var(--st-text-color);
  background: var(--st-background-color); border: 1px solid var(--st-border-color); border-radius: 0.5rem;
}
button:hover, button:focus-visible {
  border-color: var(--st-primary-color); color: var(--st-primary-color); outline: none;
}
"""
# The clipboard is there on this machine's own address and over https; elsewhere the person copies from the
# address bar.
JS = """
function replaceWithinPage() {
  if (window.history.ofPages) return; // once a window
  window.history.ofPages = true;
  const push = window.history.pushState.bind(window.history);
  window.history.pushState = (state, title, url) => {
    const samePage = url && new URL(url, window.location.href).pathname === window.location.pathname;
    if (samePage) window.history.replaceState(state, title, url);
    else push(state, title, url);
  };
}

export default function ({ parentElement }) {
  replaceWithinPage();
  const button = parentElement.querySelector('button');
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(window.location.href);
      button.textContent = 'Copied: this link opens exactly this view';
    } catch {
      button.textContent = 'Copying is not allowed here: copy the address bar';
    }
    setTimeout(() => { button.textContent = 'Copy link'; }, 2500);
  };
}
"""
_copy_link = st.components.v2.component("copy_link", html=HTML, css=CSS, js=JS)


def button():
    _copy_link(key="copy link")
