"""Everything that knows verl. :mod:`gd2po.integration.manifest` lists each symbol of it that is touched."""
