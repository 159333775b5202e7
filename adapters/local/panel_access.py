"""Who may open the panel: links that work once, and the browsers they admitted. Files of SNIPER_HOME, by digest.

Whoever can write there may make a link: that is the installation's user. Logins of people are not here.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

LINK_LASTS_S = 24 * 3600.0
BROWSER_LASTS_S = 7 * 86_400.0
"""A browser that was admitted longer ago needs a new link."""
_BYTES = 24
_LONGEST = 200
"""A longer text was made by nobody here."""


class PanelAccess:
    """Links and browsers of one installation; several processes may use it at once.

    clock: seconds since the epoch, as file times have them.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._links = home / "panel" / "links"
        self._browsers = home / "panel" / "browsers"
        self._clock = clock

    def link(self, panel_url: str) -> str:
        """An address that admits the first browser that opens it."""
        return f"{panel_url}/?token={quote(self.new_token())}"

    def new_token(self) -> str:
        """What a link carries. Only its digest is kept."""
        return self._new(self._links)

    def redeem(self, token: str) -> str | None:
        """The key of a newly admitted browser; None: the token was never made, was used already, or is too old."""
        file = self._file(self._links, token)
        try:
            fresh = self._clock() - file.stat().st_mtime < LINK_LASTS_S
            file.unlink()  # whoever unlinks it has used it, also when two come at once
        except OSError:
            return None
        return self._new(self._browsers) if fresh else None

    def admits(self, browser: str) -> bool:
        """Whether this key was given to a browser, not too long ago."""
        file = self._file(self._browsers, browser)
        try:
            return self._clock() - file.stat().st_mtime < BROWSER_LASTS_S
        except OSError:
            return False

    def _new(self, folder: Path) -> str:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._forget_old(folder)
        value = secrets.token_urlsafe(_BYTES)
        self._file(folder, value).touch(mode=0o600)
        return value

    def _forget_old(self, folder: Path) -> None:
        for file in folder.iterdir():
            with suppress(OSError):
                if self._clock() - file.stat().st_mtime > BROWSER_LASTS_S:
                    file.unlink()

    def _file(self, folder: Path, value: str) -> Path:
        return folder / hashlib.sha256(value[:_LONGEST].encode("utf-8", "replace")).hexdigest()
