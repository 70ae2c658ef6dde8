"""The former name of :mod:`gd2po.hosts.verl`, kept for the entry point of installations made before the move."""
