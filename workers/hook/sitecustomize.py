"""Runs at the start of every Python program under `barcast exec`, whose PYTHONPATH begins with this folder.

Has the hook begin, then runs the `sitecustomize` that would have been run without this one. Any Python may read this
file, also one that is too old for the hook.
"""

import importlib
import os
import sys

HOOK = "barcast_hook"


def begin():
    # type: () -> None
    """Have the hook begin, where it can; a program does not end because nobody hears of its bars."""
    if sys.version_info >= (3, 7):  # noqa: UP036  # the program's Python, not ours
        try:  # noqa: SIM105  # `suppress` costs an import
            importlib.import_module(HOOK).begin()
        except Exception:  # noqa: BLE001, S110
            pass


def run_the_other():
    # type: () -> None
    """Run the `sitecustomize` that stands behind this one, if any does."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if not folder or os.path.abspath(folder) != here]
    mine = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
        if mine is not None:
            sys.modules["sitecustomize"] = mine


if __name__ == "sitecustomize":
    begin()
    run_the_other()
