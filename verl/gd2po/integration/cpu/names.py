"""Names that the configuration, verl's registries and Ray must agree on."""

ROLLOUT = "transformers"


def server_name(replica_rank: int) -> str:
    """Name of the Ray actor that serves replica `replica_rank`."""
    return f"{ROLLOUT}_server_{replica_rank}_0"
