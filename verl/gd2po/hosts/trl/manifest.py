"""Each symbol of TRL that :class:`gd2po.trl.MultiRewardGRPOTrainer` overrides, calls or reads: what for, and why.

Nothing of TRL is patched: the trainer is a subclass. TRL names the methods below as the place for one's own advantages,
but their names begin with ``_``, so they are checked when the trainer is made.
"""

from gd2po.hosts.symbols import HostSymbol

TRL_MINIMUM, TRL_BELOW = "1.10", "1.17"
"""Supported TRL: from the first release with these symbols up to, and not including, the first that was not tried."""

TRAINER = "trl:GRPOTrainer"


SYMBOLS: tuple[HostSymbol, ...] = (
    HostSymbol(
        symbol=f"{TRAINER}.__init__",
        parameters="self model reward_funcs args *",
        what="give TRL one reward function for each named reward",
        why="TRL keeps one column of scores for each function",
    ),
    HostSymbol(
        symbol=f"{TRAINER}._calculate_rewards",
        parameters="self inputs prompts completions completion_ids_list",
        what="keep the scores [N, K] of all processes",
        why="TRL sums them up and keeps the sum only",
    ),
    HostSymbol(
        symbol=f"{TRAINER}._generate_and_score_completions",
        parameters="self inputs",
        what="replace the advantages, and add metrics and the columns of the completions table",
        why="TRL has no hook for advantages",
    ),
    HostSymbol(
        symbol=f"{TRAINER}._compute_loss",
        parameters="self model inputs",
        what="leave out rows without an advantage",
        why="TRL computes them, although they add nothing",
    ),
    HostSymbol(
        symbol=f"{TRAINER}.log",
        parameters="self logs start_time",
        what="write the metrics file, the line per step and the warnings",
        why="the metrics of a step are complete there only",
    ),
    HostSymbol(
        symbol=f"{TRAINER}._save_checkpoint",
        parameters="self model trial",
        what="save the state beside the other files of a checkpoint",
        why="a callback does not know the folder before the checkpoint is complete",
    ),
    HostSymbol(
        symbol=f"{TRAINER}._load_optimizer_and_scheduler",
        parameters="self checkpoint",
        what="restore the state before the first step after a resumption",
        why="TRL restores its own state there",
    ),
    HostSymbol(
        symbol="trl:GRPOConfig",
        parameters=None,
        what="read loss_type, beta, entropy_coef and the other settings that decide whether rows may be left out",
        why="they belong to TRL",
    ),
)

TRAINER_ATTRIBUTES: tuple[str, ...] = (
    *("reward_func_names", "reward_weights", "num_generations", "num_generations_eval", "loss_type", "beta"),
    *("top_entropy_quantile", "aux_loss_enabled", "accelerator", "_metrics", "_logs"),
)
"""Attributes of a trainer that is ready; each is read, and ``reward_func_names`` and ``reward_weights`` are set."""

CONFIG_FIELDS: tuple[str, ...] = (
    *("reward_weights", "scale_rewards", "multi_objective_aggregation", "loss_type", "beta", "entropy_coef"),
    *("use_adaptive_entropy", "top_entropy_quantile", "log_completions", "steps_per_generation"),
)
"""Fields of ``GRPOConfig`` that are read."""

LOG_KEYS: tuple[str, ...] = ("prompt", "completion", "rewards", "advantages", "extra")
"""Keys of the trainer's ``_logs``, from which TRL makes its completions table."""
