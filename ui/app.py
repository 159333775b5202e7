"""The panel's entry script: one page. Run by `sniper up` on the loopback address."""

import streamlit as st

from ui.app_pages.sessions import show

st.set_page_config(page_title="Sniper", page_icon=":material/target:", layout="wide")
show()
