"""Everything that knows verl. :mod:`gd2po.integration.seam` lists each symbol of it that is touched."""
