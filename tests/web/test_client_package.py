"""The client as a package of npm: packed, installed into a strict TypeScript project, and checked there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.pages import ROOT

TOOLS = ROOT / ".venv" / "node" / "node_modules" / ".bin"
PATIENCE_S = 120.0
STRICT = ["--noEmit", "--strict", "--target", "es2023", "--lib", "es2023,dom"]
RESOLVED = {"node": ["--module", "nodenext"], "bundler": ["--module", "es2022", "--moduleResolution", "bundler"]}
WATCHING = """
import { connect, Refused, type Hub } from 'barcast';
import { JobProgress } from 'barcast/job-progress';

const hub: Hub = connect('http://127.0.0.1:8600', { token: 'secret' });
connect().job('id').addEventListener('change', (e) => e.detail.fraction);
hub.job('id').addEventListener('end', ({ detail }) => detail.status === 'succeeded');
hub.feed().addEventListener('summary', ({ detail }) => detail.running + 1);
hub.start('import', { path: 'x' }, { key: '1' }).catch((error) => error instanceof Refused && error.errors);
export const fraction: number | null | undefined = new JobProgress().state?.fraction;
"""
WRONG = {
    "chance": "import { connect } from 'barcast';\nconnect().job('id').addEventListener('chance', () => {});\n",
    "fractoin": "import { connect } from 'barcast';\n"
    "connect().job('id').addEventListener('change', (e) => e.detail.fractoin);\n",
}


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def succeeds(*command: str | Path, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the packed client installed, and nothing else."""
    folder = tmp_path_factory.mktemp("npm")
    shutil.copytree(ROOT / "web", folder / "web")
    shutil.copy(ROOT / "LICENSE", folder)
    packed = json.loads(succeeds("npm", "pack", "--json", "--silent", cwd=folder / "web"))
    (folder / "project").mkdir()
    (folder / "project" / "package.json").write_text('{"name": "project", "private": true, "type": "module"}')
    tarball = folder / "web" / only(packed)["filename"]
    succeeds("npm", "install", "--offline", "--no-audit", "--no-fund", tarball, cwd=folder / "project")
    return folder / "project"


def only(packed: Any) -> Any:
    """What npm tells of the one package; version 12 tells it by name."""
    return (list(packed.values()) if isinstance(packed, dict) else packed)[0]


def checked(project: Path, text: str, *how: str) -> subprocess.CompletedProcess[str]:
    (project / "main.ts").write_text(text)
    return run("tsc", *STRICT, *how, "main.ts", cwd=project)


@pytest.mark.parametrize("how", RESOLVED.values(), ids=RESOLVED)
def test_a_strict_project_knows_the_types_of_events_and_jobs(project: Path, how: list[str]) -> None:
    done = checked(project, WATCHING, *how)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_does_not_exist_is_an_error_there(project: Path, name: str) -> None:
    done = checked(project, WRONG[name], *RESOLVED["node"])
    assert done.returncode != 0
    assert name in done.stdout


def test_the_client_can_be_loaded_without_a_page(project: Path) -> None:
    names = "import('barcast').then((client) => console.log(Object.keys(client).sort().join(' ')))"
    expected = "FeedWatch Hub JobWatch Refused Unanswered Unreachable connect\n"
    assert succeeds("node", "--eval", names, cwd=project) == expected


def test_the_package_is_of_the_version_of_the_hub_with_license_and_readme_and_needs_nothing(project: Path) -> None:
    installed = project / "node_modules" / "barcast"
    told = json.loads((installed / "package.json").read_text())
    hub = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (told["version"], told["license"]) == (hub["version"], hub["license"])
    assert "dependencies" not in told
    assert (installed / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (installed / "README.md").is_file()
