from pathlib import Path

from sales_agent_dagster.agents.runtime import extend_prompt, load_prompt


def test_a_prompt_s_version_follows_its_content(tmp_path: Path) -> None:
    path = tmp_path / "prompt.md"
    path.write_text("Judge.\n")
    first = load_prompt("judge", path)
    assert (first.agent, first.system) == ("judge", "Judge.\n")
    assert load_prompt("judge", path) == first
    path.write_text("Judge well.\n")
    assert load_prompt("judge", path).version != first.version


def test_an_extended_prompt_has_its_own_version(tmp_path: Path) -> None:
    path = tmp_path / "prompt.md"
    path.write_text("Judge.\n")
    prompt = load_prompt("judge", path)
    extended = extend_prompt(prompt, " By this. ")
    assert extended.system == "Judge.\n\nBy this.\n"
    assert extended.version not in (prompt.version, extend_prompt(prompt, "By that.").version)
