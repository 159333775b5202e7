"""The panel's script: navigation, the banner that every page has, then the page. Served by serve.py."""

import streamlit as st

from ui.app_pages import arm, halts, health, overview, session
from ui.banner import banner

st.set_page_config(page_title="Sniper", page_icon="\N{DIRECT HIT}", layout="wide")

page = st.navigation([overview.page(), arm.page(), halts.page(), health.page(), session.page()], position="top")
banner()
page.run()
