"""The supervised warm start: verl's own SFT trainer, from a checked configuration to a Hugging Face folder.

``configuration`` composes and checks, ``demonstrations`` reads the demonstrations, ``warm_start`` runs the trainer
under torchrun, ``worker`` is one of its processes.
"""
