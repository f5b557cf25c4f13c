"""``sales-agent demo``: the made-up sample list through the whole pipeline."""

from __future__ import annotations

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.figures import best_leads
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.run import run_file
from sales_agent_dagster.cli.summary import print_examples
from sales_agent_dagster.cli.terminal import gap, say
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.settings import PROJECT_ROOT, Settings

SAMPLE = PROJECT_ROOT / "data" / "samples" / "dealer_leads_sample.csv"


def run_demo(settings: Settings) -> ExitCode:
    """Run the sample, show the best leads and where to go next.

    Raises:
        ConfigurationError: the sample is missing, or the profile or a setting is wrong.
    """
    if not SAMPLE.exists():
        raise ConfigurationError(f"The sample {SAMPLE} is missing. Restore it: git checkout -- data/samples")
    load_profile(settings.profile_path)
    with open_warehouse(settings) as warehouse:
        run = run_file(settings, warehouse, SAMPLE)
        if run.exit_code is ExitCode.OK:
            with warehouse.reading() as connection:
                best = best_leads(connection, run.registration.batch_ids, 3)
            print_examples(best)
            _print_next(best[0].lead_id)
    return run.exit_code


def _print_next(lead_id: str) -> None:
    gap()
    say(("Next", "bold"))
    for command, purpose in (
        (f"sales-agent lead {lead_id}", "why it scored so"),
        ('sales-agent query "select * from pipeline_funnel"', "ask the tables"),
        ("sales-agent ui", "the same run in Dagster"),
        ("sales-agent run FILE.csv", "your own list"),
    ):
        say((f"{command:<50}", "cyan"), f" {purpose}", indent=2)
