"""Multi-reward reinforcement learning of language models, as a plug-in for verl.

Nothing heavy is imported here: :mod:`gd2po.advantages` needs torch alone, :mod:`gd2po.rewards` the standard library,
and only :mod:`gd2po.hosts.verl` knows verl.
"""

__version__ = "0.1.0"
