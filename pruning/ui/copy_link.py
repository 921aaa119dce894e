"""One button that copies the address bar: it is the link to exactly this view."""

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
export default function ({ parentElement }) {
  const button = parentElement.querySelector('button');
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(window.location.href);
      button.textContent = 'Copied: this link opens exactly this view';
    } catch {
      button.textContent = 'Not allowed here: copy the address bar';
    }
    setTimeout(() => { button.textContent = 'Copy link'; }, 2500);
  };
}
"""
_copy_link = st.components.v2.component("copy_link", html=HTML, css=CSS, js=JS)


def button():
    _copy_link(key="copy link")
