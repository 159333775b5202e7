"""Tables for people: nothing is cut, and what is copied stays whole."""

import pytest

from cli.output import write_table

COLUMNS = ("Session", "Symbol", "Phase", "Opens", "Outcome", "Result", "Remark")
ROW = (
    *("main/mexc:LONGCOINNAME:USDT/12", "LONGCOINNAMEUSDT", "closed", "2026-11-27 10:57:11.176 UTC", "rejected", ""),
    "halted: a halt covers this account or session; release it first | sessions: 5 are open, expected fewer than 5",
)


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_narrow_terminal_breaks_no_name_and_no_time(capsys: pytest.CaptureFixture[str], width: int) -> None:
    """A row becomes a paragraph: the name alone in its line, every value whole, no line too long."""
    write_table(COLUMNS, [ROW, ROW], empty="none", width=width)

    lines = capsys.readouterr().out.splitlines()
    assert lines.count(ROW[0]) == 2
    assert sum("Opens 2026-11-27 10:57:11.176 UTC" in line for line in lines) == 2
    assert max(map(len, lines)) <= width
    assert len(lines) <= 2 * (8 if width < 80 else 5)
    told = " ".join(" ".join(lines).split())
    assert told.count(ROW[-1]) == 2


def test_a_wide_one_is_a_table_in_which_only_remarks_wrap(capsys: pytest.CaptureFixture[str]) -> None:
    """Names and times stand in one line."""
    write_table(COLUMNS, [ROW], empty="none", width=160)

    head, _, first, *_ = (line for line in capsys.readouterr().out.splitlines() if line.strip())
    assert head.split() == list(COLUMNS)
    assert all(cell in first for cell in ROW[:5])
