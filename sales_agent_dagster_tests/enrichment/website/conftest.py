from sales_agent_dagster_tests.website_farm.fixtures import _farm, farm

__all__ = ["_farm", "farm"]
