"""What stands in the place of verl's own configuration where a task is composed for TRL."""
