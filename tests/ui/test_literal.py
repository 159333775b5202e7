"""Words of others stay words."""

import pytest

from ui.literal import literal


@pytest.mark.parametrize(
    "text",
    ["![x](http://evil.example/p.png)", "[click](http://evil.example)", "<img src=x>", "**b** _i_ `c`", "$x$ :red[a]"],
)
def test_no_sign_keeps_its_meaning(text: str) -> None:
    """Each of them is escaped; what a person reads is unchanged."""
    shown = literal(text)

    assert shown.replace("\\", "").replace("\N{WORD JOINER}", "") == text
    assert "http://" not in shown.replace("\\", "")
    assert all(shown[at - 1] == "\\" for at, sign in enumerate(shown) if sign in "![]()<>*_`$:#|~^=&")


def test_lines_become_one() -> None:
    """A heading needs a line of its own."""
    assert literal("a\n# b") == r"a \# b"
