"""The stack of this installation, as commands reach it. Loaded only by commands that need it."""

import os
from dataclasses import replace
from typing import cast

from adapters.local.options import StackOptions
from adapters.local.temporal_server import SearchAttributeKind
from workflows.names import SEARCH_ATTRIBUTES


def stack_options(*, seed: int = 1, with_panel: bool = True) -> StackOptions:
    """What the environment says about the stack, with everything our workflows need of Temporal."""
    kinds = {name: cast(SearchAttributeKind, kind) for name, kind in SEARCH_ATTRIBUTES.items()}
    options = StackOptions.from_environment(os.environ)
    return replace(options, seed=seed, with_panel=with_panel, search_attributes=kinds)
