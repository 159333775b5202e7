"""With SNIPER_NO_SKIPS=1 a run that skipped a test has failed: what has to run somewhere must not go missing there."""

import os

import pytest
from _pytest.terminal import TerminalReporter


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", [])) if isinstance(reporter, TerminalReporter) else 0


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn success into failure when a test was skipped."""
    if os.environ.get("SNIPER_NO_SKIPS") == "1" and session.exitstatus == 0 and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say why the run failed."""
    skipped = _skipped(terminalreporter.config)
    if os.environ.get("SNIPER_NO_SKIPS") == "1" and skipped:
        terminalreporter.write_line(
            f"{skipped} skipped, none may be (SNIPER_NO_SKIPS=1): see the reasons above", red=True
        )
