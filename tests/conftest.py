"""For all tests: where none may be skipped, a skip fails the run; and no example is timed."""

from hypothesis import settings

pytest_plugins = ("tests.plugins_no_skips",)

settings.register_profile("untimed", deadline=None)  # the machine is shared; speeds are measured in benchmarks/
settings.load_profile("untimed")
