"""Rules of the repository that no other tool checks."""

import re
import subprocess
import tomllib

from sales_agent_dagster.settings import PROJECT_ROOT

LOCK = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = dict(re.findall(r"^([a-z0-9-]+)==([^ \\;]+)", LOCK, re.MULTILINE))


def tracked_text() -> dict[str, str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    texts = {}
    for name in filter(None, listed):
        path = PROJECT_ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".lock", ".sh", ""} and path.is_file():
            texts[name] = path.read_text(encoding="utf-8", errors="replace")
    return texts


def test_the_lock_names_no_place_and_hashes_everything() -> None:
    assert not re.search(r"https?://|^-|file:|(?<!\w)/(root|home|work|tmp)/", LOCK, re.MULTILINE)
    for requirement in re.split(r"\n(?=[a-z])", LOCK.strip()):
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]


def test_the_lock_holds_every_direct_dependency() -> None:
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    names = {re.match(r"[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-") for line in wanted}
    assert names <= PINNED.keys()


def test_the_dagster_family_is_one_release() -> None:
    family = {name: version for name, version in PINNED.items() if name.startswith("dagster")}
    assert set(family.values()) == {"1.13.27", "0.29.27"}
    assert PINNED["sqlalchemy"].startswith("2.0.")


def test_no_file_names_a_package_index_or_a_machine_path() -> None:
    for name, text in tracked_text().items():
        found = re.search(r"https?://[^\s\"]+/simple\b|(?<!emit-)index-url\s|/(root|work)/", text)
        allowed = name == "Makefile" or name.endswith("test_repository.py")
        assert allowed or not found, f"{name}: {found and found[0]}"


def test_no_python_file_is_longer_than_400_lines() -> None:
    long = {n: t.count("\n") for n, t in tracked_text().items() if n.endswith(".py") and t.count("\n") > 400}
    assert long == {}
