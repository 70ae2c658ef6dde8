"""Everything that knows verl. :mod:`gd2po.hosts.verl.door.manifest` lists each symbol of it that is touched."""
