"""For all tests: a skip fails the run where none may be skipped, no example is timed, and Postgres can be had."""

from hypothesis import settings

pytest_plugins = ("tests.plugins_no_skips", "tests.plugins_postgres")

settings.register_profile("untimed", deadline=None)  # the machine is shared; speeds are measured in benchmarks/
settings.load_profile("untimed")
