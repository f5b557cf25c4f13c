"""Write the README's output blocks from real runs: ``python -m docs.readme``; ``--check`` only compares.

A block stands between ``<!-- output: COMMAND -->`` and ``<!-- end -->``. The commands run in order in one
new SALES_AGENT_HOME. Times, dates and paths differ from run to run: comparing ignores them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
_BLOCK = re.compile(r"(<!-- output: (?P<command>.+?) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)
_VOLATILE = (
    (re.compile(r"(< )?\b\d+(\.\d+)? ?(s|ms)\b"), "#"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}\b"), "#"),
    (re.compile(r"/\S+/home\b"), ".sales_agent"),
)


def run(command: str, home: Path) -> str:
    """Standard output of a ``sales-agent`` command in ``home``; raises CalledProcessError on failure."""
    words = shlex.split(command)
    words[0] = str(Path(sys.executable).with_name(words[0]))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SALES_AGENT_")},
        "SALES_AGENT_HOME": str(home),
        "COLUMNS": "110",
        "NO_COLOR": "1",
    }
    finished = subprocess.run(  # noqa: S603 - commands come from our own README
        words, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return "\n".join(line.rstrip() for line in finished.stdout.strip("\n").splitlines())


def rendered(text: str) -> str:
    """The README with every output block written anew."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"

        def block(match: re.Match[str]) -> str:
            output = run(match["command"], home).replace(str(home), ".sales_agent")
            return f"{match[1]}```text\n$ {match['command']}\n{output}\n```\n{match[4]}"

        return _BLOCK.sub(block, text)


def comparable(text: str) -> str:
    """``text`` without what differs from machine to machine."""
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return re.sub(r" +", " ", text)


def main() -> int:
    """Write the README, or compare it; exit code 1 when ``--check`` finds it out of date."""
    text = README.read_text(encoding="utf-8")
    new = rendered(text)
    if "--check" not in sys.argv:
        README.write_text(new, encoding="utf-8")
        return 0
    return int(comparable(new) != comparable(text))


if __name__ == "__main__":
    sys.exit(main())
