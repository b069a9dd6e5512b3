"""Imports the modules that hold jobs, by path or by dotted name, under the same name in every process."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from hub.errors import BarcastError


class NoSuchModule(BarcastError):
    """A module that was named cannot be imported, and why."""


def load(named: str) -> tuple[ModuleType, str]:
    """Import a module.

    Args:
        named: the path of a Python file, or a dotted name (looked for in the current folder too).

    Returns:
        the module, and a name for it that holds in any folder.

    Raises:
        NoSuchModule: there is none, it fails to import, or its name is another module's.
    """
    path = Path(named)
    if path.suffix == ".py" or path.is_file():
        return _from_file(path.resolve())
    _look_in(Path.cwd())
    return _imported(named), named


def _from_file(path: Path) -> tuple[ModuleType, str]:
    if not path.is_file():
        raise NoSuchModule(f"expected a Python file, got {path}, which does not exist")
    root, name = _module_name(path)
    _look_in(root)
    module = _imported(name)
    if Path(module.__file__ or "").resolve() != path:
        raise NoSuchModule(f"{path} has the name of another module ({name} in {module.__file__}): rename it")
    return module, str(path)


def _module_name(path: Path) -> tuple[Path, str]:
    """The folder to import it from and its dotted name: packages around it are part of that."""
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise NoSuchModule(f"{name} could not be imported: {type(error).__name__}: {error}") from error
