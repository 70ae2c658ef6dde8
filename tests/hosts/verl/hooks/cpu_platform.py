"""Loaded by verl as an external module: what a machine without accelerator needs to run verl, and nothing else."""

from gd2po.hosts.verl import cpu

cpu.install()
