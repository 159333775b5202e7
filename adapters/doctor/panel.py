"""Does the stack's panel answer?"""

import http.client
from urllib.parse import urlsplit

from adapters.doctor import judging
from adapters.doctor.findings import Verdict, not_asked
from adapters.doctor.installation import Installation
from adapters.local.loopback_http import call

HEALTH = "/_stcore/health"


async def look_at_panel(installation: Installation) -> Verdict:
    """Asked where the stack says it is."""
    if installation.stack is None:
        return not_asked(installation.no_stack)
    if installation.stack.panel_url is None:
        return not_asked("the stack runs without a panel")
    place = urlsplit(installation.stack.panel_url)
    url = f"{place.scheme}://{place.netloc}"  # the rest may be what admits a browser
    cure = installation.cure("panel", "PANEL_URL")
    try:
        status, _ = await call("GET", place.port or 80, HEALTH)
    except (OSError, http.client.HTTPException) as exc:
        return judging.panel(url, str(exc) or type(exc).__name__, cure=cure)
    return judging.panel(url, "" if status == 200 else f"HTTP {status}", cure=cure)
