"""What the adapters of other libraries have in common: no library is needed before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.workers.scripts import ROOT


@pytest.mark.parametrize(
    ("module", "packages"),
    [
        ("huggingface", ["transformers"]),
        ("lightning", ["lightning", "pytorch_lightning"]),
        ("dask", ["distributed"]),
    ],
)
def test_without_its_library_an_adapter_says_which_is_missing(module: str, packages: list[str]) -> None:
    script = f"import sys; sys.modules.update(dict.fromkeys({packages!r})); import workers.{module}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"ImportError: workers.{module} needs the package {packages[0]}: pip install {packages[0]}" in done.stderr


def test_importing_workers_imports_no_library_that_it_has_an_adapter_for() -> None:
    script = "import workers, sys; print([n for n in ('transformers', 'lightning', 'distributed') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
