"""How a request is refused: every reason is told at once."""

from domain.errors import SniperError


class ActionRefused(SniperError):
    """A request that cannot be carried out; nothing was changed but what it names. Its text is one line with every
    reason."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        self.reasons = reasons
        super().__init__(" | ".join(reasons))
