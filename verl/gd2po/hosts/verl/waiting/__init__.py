"""Waits of verl and TransferQueue that would not end, or that take longer than they must."""
