"""All Dagster code: assets, checks, partitions, resources, sensors, jobs. Thin.

Belongs here: telling Dagster what the stages do. Does not belong here: doing it (stages).
"""

import warnings

from dagster import BetaWarning, PreviewWarning

# Partitioned checks are marked preview, code links and freshness policies beta. Both are used on purpose
# with a pinned Dagster, and nobody who runs the pipeline can do anything about it.
warnings.filterwarnings("ignore", category=PreviewWarning, module=__name__)
warnings.filterwarnings("ignore", category=BetaWarning, module=__name__)
