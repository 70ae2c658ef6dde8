"""The defaults that several rooms share. Needs no torch.

Signatures, the settings schema and the documentation read them from here; a configuration file holds only what differs.
"""

from typing import Literal

Direction = Literal["maximize", "minimize"]
Missing = Literal["drop", "error"]
Whiten = Literal["tokens", "rollouts", "none"]
SkipMasked = Literal["auto"] | bool
OnTimeout = Literal["error", "not_scored"]

# -- Options -----------------------------------------------------------------------------------------------------------

ESTIMATOR = "gd2po"
"""Name of the advantage estimator; see :func:`gd2po.advantages.estimator_names`."""

THRESHOLD = 0.8
"""τ of the SNR filter, in [0, 1]: 0 drops nothing, 1 is the hard filter. 0.8 is what the published runs used."""

WHITEN: Whiten = "tokens"
"""What one unit of the whitening population is: a response token, a rollout, or no whitening."""

MISSING: Missing = "drop"
"""A rollout without a score on some reward: drop that vote, or refuse the batch."""

SKIP_MASKED: SkipMasked = "auto"
"""Leave rows without an advantage out of the actor's update; `auto`: where that is exact."""

DIRECTION: Direction = "maximize"
"""Whether more of a reward is better; `minimize` is for costs."""

WEIGHT = 1.0
"""Weight of every reward when no weights are given."""

REWARD_TIMEOUT = 300.0
"""Seconds that one call of a reward function may take; None for no limit."""

ON_REWARD_TIMEOUT: OnTimeout = "error"
"""What a call of a reward function over its limit does: `error` ends the run, `not_scored` leaves its scores out."""

# -- Rollout engines ---------------------------------------------------------------------------------------------------

ENGINE_TIMEOUT = 1800.0
"""Seconds that a run waits for one answer of a rollout engine, or for the next rollout; `GD2PO_ENGINE_TIMEOUT` wins."""

# -- Checkpoints -------------------------------------------------------------------------------------------------------

CHECKPOINT_SHARDS_TIMEOUT = 120.0
"""Seconds until the files of other nodes must show up in a shared folder; NFS caches a listing for up to 60."""

# -- TransferQueue -----------------------------------------------------------------------------------------------------

QUEUE_TIMEOUT = 200.0
"""Seconds that TransferQueue's controller may take for an answer: as many as its storage has. It needs milliseconds."""

QUEUE_LOOK = 5.0
"""Seconds that one waits for TransferQueue's controller or storage before looking whether its process is there."""
