"""``gd2po check``: what several rewards would do to each other in training, seen on saved rollouts.

::

    reading      files → ids and scores
    statistics   each reward, and two by two
    methods      every registered method on these rollouts, with bootstrap intervals
    evidence     all of that as numbers
    verdict      what follows, by stated rules
    terminal, page, as_json   the same for people and programs
"""
