"""The fonts that every test of the page is shown in, whatever the machine has: those that `.ci/test` fetches."""

from __future__ import annotations

from pathlib import Path

NODE = Path(__file__).parent.parent.parent / ".venv" / "node" / "node_modules"
INTER = NODE / "@expo-google-fonts" / "inter"
DEJAVU = NODE / "dejavu-fonts-ttf" / "ttf"

CONFIGURATION = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{inter}</dir><dir>{dejavu}</dir><cachedir>{folder}/fonts</cachedir>
  {aliases}
</fontconfig>
"""
ALIAS = "<alias><family>{name}</family><prefer><family>{font}</family></prefer></alias>"


def installed(folder: Path, sans: str = "Inter") -> dict[str, str]:
    """What a browser's environment must have.

    Args:
        folder: for the configuration and its cache.
        sans: the font of all that is not code.

    Raises:
        FileNotFoundError: the fonts are not there.
    """
    for fonts in (INTER, DEJAVU):
        if not fonts.is_dir():
            raise FileNotFoundError(f"expected fonts in {fonts}: `bash .ci/test` puts them there")
    names = {"system-ui": sans, "sans-serif": sans, "sans": sans, "monospace": "DejaVu Sans Mono"}
    aliases = "\n  ".join(ALIAS.format(name=name, font=font) for name, font in names.items())
    file = folder / "fonts.conf"
    file.write_text(CONFIGURATION.format(inter=INTER, dejavu=DEJAVU, folder=folder, aliases=aliases))
    return {"FONTCONFIG_FILE": str(file)}
