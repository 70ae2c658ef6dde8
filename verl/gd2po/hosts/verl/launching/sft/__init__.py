"""The supervised warm start: verl's own SFT trainer, from a checked configuration to a Hugging Face folder.

``configuration`` composes and checks, ``demonstrations`` reads what is to be imitated, ``warm_start`` runs the trainer
under torchrun, ``worker`` is one of its processes.
"""
