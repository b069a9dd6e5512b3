"""All that decodes what comes from outside, led by coverage, for as long as wanted.

Needs atheris (`python -m pip install atheris`), which nothing else does:

    python -m tests.faults.fuzz --seconds 300
    python -m tests.faults.fuzz --seconds 300 --decoder worker_json settings

Each decoder has so many seconds and a process of its own. For each is said how many inputs were tried and, where one
was found that is neither taken nor refused, or takes over 10 s, which; the exit status is then 1. Coverage is that of
our own functions: of msgspec, which is C, only what it answers is seen.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from tests.faults.decoders import TARGETS

FOLDER = "FUZZ_FOLDER"  # the variable that tells a decoder's process where to write
SAID_LENGTH = 3_000  # of what was said of a failure, from its end
SEEDS = (
    b'{"type":"hello","token":"t","visible":true}',
    b'{"type":"subscribe","id":1,"topic":"job:j","since":{"epoch":"e","seq":1,"log":2}}',
    b'{"type":"start","id":"a","kind":"k","params":{"n":[1.5,null,{"a":"\\u00e9"}]},"tags":{"a":"b"},"priority":1}',
    b'{"type":"cancel","id":1,"job":"j","reason":"r","force":true}',
    b'{"type":"open","id":1,"kind":"k","total":9,"phases":[{"name":"p","weight":0.5}],"tags":{}}',
    b'{"type":"report","job":"j","attempt":1,"done":1,"total":2.5,"counters":{"ok":1},"message":"m"}',
    b'{"type":"entry","job":"j","attempt":1,"n":1,"level":"info","text":"t","data":{"x":[1]}}',
    b'{"type":"artifact","job":"j","attempt":1,"n":1,"name":"a","url":"https://example.org/a"}',
    b'{"type":"finish","job":"j","attempt":1,"n":1,"outcome":"failed","error":{"type":"E","message":"m","traceback":"t"}}',
    b'{"type":"closing","code":1012,"reason":"restarting","retry_after_s":0.5}',
    b"\x84\xa4type\xa6report\xa3job\xa1j\xa7attempt\x01\xa4done\xcb?\xf8\0\0\0\0\0\0",
    b"text=a\0number=1.5\0maybe=null\0path=~/a\0any=[1]\0choice=a",
    b"http://127.0.0.1:8000\0localhost:8000",
    b"Bearer abc",
    b"e-1-5:7",
    b" 12%|###    | 12/100 [00:01<00:09, 9.81MiB/s]\r\x1b[2K3 of 4 files\n",
    b'{"name":"a","done":1,"total":2,"unit":"it"}\n',
    b'{"url":"http://127.0.0.1:1","job":"j","attempt":1,"token":"t"}\n{"n":1}\n',
    b"(?P<done>\\d+)/(?P<total>\\d+)",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=30, help="for each decoder")
    parser.add_argument("--decoder", nargs="+", choices=sorted(TARGETS), default=sorted(TARGETS))
    parser.add_argument("--alone", choices=sorted(TARGETS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        parser.exit(2, "atheris is not installed, which leads by coverage: python -m pip install atheris\n")
    if given.alone:
        _alone(given.alone, given.seconds)
        return
    failed = [name for name in given.decoder if not _ends_well(name, given.seconds)]
    print(f"{len(given.decoder)} decoders, {len(failed)} of them failed", *failed)
    sys.exit(1 if failed else 0)


def _ends_well(name: str, seconds: int) -> bool:
    """Try one decoder in a process of its own, because libFuzzer ends its process; say what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.faults.fuzz", "--alone", name, "--seconds", str(seconds)]
        ended = subprocess.run(
            command, env={**os.environ, FOLDER: folder}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        said = ended.stdout.decode("utf-8", "replace")
        inputs = [path.read_bytes() for path in Path(folder).iterdir() if path.is_file()]
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    well = ended.returncode == 0 and runs is not None and not inputs
    print(f"{name}: {runs[1] if runs else 'unknown'} runs, {'nothing' if well else 'something'} found", flush=True)
    if not well:
        print(*(f"input: {found!r}" for found in inputs), cause_of(said), sep="\n", flush=True)
    return well


def cause_of(said: str) -> str:
    """The traceback in what atheris said; the end of all, where there is none."""
    traceback = re.search(r"=== Uncaught Python exception: ===.*?(?=\n==\d+== |\Z)", said, re.DOTALL)
    return traceback[0][-SAID_LENGTH:] if traceback else said[-SAID_LENGTH:]


def _alone(name: str, seconds: int) -> None:
    """Become libFuzzer; what it finds it writes into the folder, below which stand the inputs it begins with."""
    atheris: Any = importlib.import_module("atheris")
    for function in _ours():
        atheris.instrument_func(function)
    folder = Path(os.environ[FOLDER])
    seeds = folder / "seeds"
    seeds.mkdir()
    for place, raw in enumerate(SEEDS):
        (seeds / str(place)).write_bytes(raw)
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(seeds)], TARGETS[name])
    atheris.Fuzz()


def _ours() -> Iterator[FunctionType]:
    """The functions of hub and workers: to follow all of Python's own takes a minute before the first input."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("hub.", "workers.")):
            here = [one for one in vars(module).values() if getattr(one, "__module__", None) == name]
            inner = [member for one in here if isinstance(one, type) for member in vars(one).values()]
            yield from (one for one in (*here, *inner) if isinstance(one, FunctionType) and one.__module__ == name)


if __name__ == "__main__":
    main()
