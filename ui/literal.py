"""Texts of others on pages that speak Markdown: a venue's or an operator's words must not become links or pictures."""

import re

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|$:<>~^=&])")
_ADDRESS = re.compile(r"(?i)(https?:|www\.)(?=\S)")
_WORD_JOINER = "\N{WORD JOINER}"
"""Invisible; what looks like an address is otherwise made a link whatever is escaped."""


def literal(text: str) -> str:
    """`text` so that Markdown shows it as it is, in one line."""
    return _SIGNS.sub(r"\\\1", _ADDRESS.sub(rf"\1{_WORD_JOINER}", " ".join(text.split())))


def literal_badge(text: str) -> str:
    """The same for a badge, which escapes brackets by itself."""
    return literal(text).replace(r"\[", "[").replace(r"\]", "]")
