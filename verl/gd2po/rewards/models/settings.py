"""The settings of one reward model: ``algorithm.gd2po.rewards.<name>.model``, and the same block for evaluation."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _ModelBlock(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GuardSettings(_ModelBlock):
    """How the answer of a generative guard is read. The score is log P(unsafe) − log P(safe) of its next token.

    Attributes:
        answer_prefix: Text that begins the guard's answer, such as ``"Safety: "``; the label is the token after it.
        unsafe: Labels that mean unsafe.
        safe: Labels that mean safe.
    """

    answer_prefix: str = ""
    unsafe: tuple[str, ...] = ("unsafe",)
    safe: tuple[str, ...] = ("safe",)


class ModelSettings(_ModelBlock):
    """One reward model. What more of its score means is the reward's ``direction``.

    Attributes:
        path: The model's folder or hub name; its tokenizer writes the prompts also where a server at ``url`` answers.
        measures: What the score measures; decides the known pairs of the sign check. ``other`` has none.
        kind: ``scalar``, a sequence-classification head with one output, of which the raw logit is taken; or ``guard``.
        guard: How the answer of a generative guard is read.
        sign_check: Whether a model that prefers the worse answer of known pairs is refused.
        template: ``chat``, the template of the model's tokenizer, of several the one named ``default``; the name of
            another one of them; ``beaver``, of the Beaver models; or a Jinja file.
        prompt: ``seen``, what the policy saw of the conversation; or ``full``, also where that was cut.
        max_length: The longest conversation in tokens, response and template included; as published.
        truncation: The side on which a longer conversation loses tokens. The score is read at the right end, so
            ``left`` keeps what it is read from; published: ``right``.
        placement: ``colocated`` on the trainer's GPUs, asleep unless it scores; on ``own_gpus``; or a ``server`` that
            runs already.
        url: The base address(es) of the server, such as ``http://10.0.0.5:8000``.
        engine: The engine that verl serves the model with; None for the engine of the rollouts.
        replicas: The number of replicas of a model on its own GPUs. Colocated, there are as many as fit.
        tensor_parallel: The number of GPUs of one replica.
        gpu_memory: The share of a GPU's memory that one replica may take.
        timeout: The seconds that one request may take.
        retries: The number of further requests after a failure that may pass; with their waits the default takes about
            half a minute, enough for a restart of the server.
        on_failure: What becomes of a rollout without an answer: ``error`` stops the run, ``not_scored`` leaves the
            reward out for this rollout and counts it.
    """

    path: str
    measures: Literal["helpfulness", "safety", "other"]
    kind: Literal["scalar", "guard"] = "scalar"
    guard: GuardSettings = GuardSettings()
    sign_check: bool = True
    template: str = "chat"
    prompt: Literal["seen", "full"] = "seen"
    max_length: Count = 2048
    truncation: Literal["left", "right"] = "left"
    placement: Literal["colocated", "own_gpus", "server"] = "colocated"
    url: tuple[str, ...] = ()
    engine: str | None = None
    replicas: Count = 1
    tensor_parallel: Count = 1
    gpu_memory: Annotated[float, Field(gt=0, le=1)] = 0.3
    timeout: Positive = 60.0
    retries: Annotated[int, Field(ge=0)] = 6
    on_failure: Literal["error", "not_scored"] = "error"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.placement == "server") != bool(self.url):
            raise ValueError(
                f"placement is {self.placement!r} and url is {list(self.url)}; placement: server needs the url of a "
                "running server, and the other placements start one themselves"
            )
        if self.kind == "scalar" and self.guard != GuardSettings():
            raise ValueError("guard is set, but kind is 'scalar', which reads none of it; set kind: guard")
        return self
