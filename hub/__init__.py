"""Barcast: a real-time hub for job progress.

The floors of the house; each file imports only from those before it (a test reads this drawing):

    errors settings                           # causes of failure, limits
    view protocol codec                       # what is said, and how it becomes bytes
    launch estimate phases history            # what a job is made of
    state story transitions progress cancel deadlines admission
    attempts backoff endings stopping pausing resetting job
    shown outbox room rooms                   # who is shown what; pure up to here
    rows summary schedule rate family feed histogram traffic   # pure, too
    javascript naming module                  # the page's sources
    schema file seal batch reader writer store checkup backup    # SQLite
    outlet conversation transport listener server  # bytes that leave and come
    clock auth held chronicle keys past alarm pulse delivery hub household stack remains starter runner intake
    signing notice receiver webhook           # who is told elsewhere
    session viewer worker                     # one live socket each
    service answers outside api stream metrics guard packing page calls describe app
    words arguments remote watch listing terminal commands reporting upkeep journal diagnosis doctor serve cli __main__
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.app import create_app
    from hub.hub import Hub
    from hub.settings import Settings

    __version__: str

__all__ = ["Hub", "Settings", "__version__", "create_app"]

WHERE = {"create_app": "hub.app", "Hub": "hub.hub", "Settings": "hub.settings"}


def __getattr__(name: str) -> Any:
    """The public names, fetched on first use: a worker that needs the messages alone loads no server."""
    from importlib import import_module

    if name == "__version__":
        return _version()
    if name not in WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(WHERE[name]), name)


def _version() -> str:
    """Loading what reads it takes longer than loading what most processes need of this package."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("barcast")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0.0.0"
