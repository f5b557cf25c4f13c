"""What an evaluation of an engine is of: everything but the leads that its answers depend on."""

from __future__ import annotations

from sales_agent_dagster.agents.enrichment import PROMPT as ENRICHMENT
from sales_agent_dagster.domain.evaluation import EvaluationKey
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import Engine


def evaluation_key(engine: Engine, profile: Profile) -> EvaluationKey:
    """The key of an engine with the prompts as they are and a profile's scoring scheme."""
    from sales_agent_dagster.agents.qualification.graph import prompt_for

    prompts = f"{prompt_for(profile).version} {ENRICHMENT.version}"
    scheme = content_hash(profile.icp.model_dump(mode="json"))[:12]
    return EvaluationKey(engine.name, engine.version, prompts, scheme)
