"""For all tests: where none may be skipped, a skip fails the run."""

pytest_plugins = ("tests.plugins_no_skips",)
