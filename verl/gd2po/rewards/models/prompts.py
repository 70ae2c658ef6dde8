"""The token ids of a conversation, as a reward model reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gd2po.rewards.models.contract import Message, RewardModelError, RewardPrompt
from gd2po.rewards.models.labels import Labels
from gd2po.rewards.models.settings import ModelSettings
from gd2po.rewards.models.special import Neutralizer

BEAVER = (
    "BEGINNING OF CONVERSATION:"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %} USER: {{ message['content'] }}"
    "{% elif message['role'] == 'assistant' %} ASSISTANT:{{ message['content'] }}"
    "{% else %} {{ message['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)
"""The format of the Beaver reward and cost models, as a chat template."""

_BEAVER_MARKS = ("BEGINNING OF CONVERSATION:", "USER:", "ASSISTANT:")


def load_tokenizer(path: str) -> Any:
    """The tokenizer of a reward model.

    Raises:
        RewardModelError: The tokenizer cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise RewardModelError(
            f"the tokenizer of reward model {path} cannot be loaded: {error}. Also for a server at url, path must name "
            "the model's folder or its name on the hub."
        ) from error


class PromptWriter:
    """Writes the prompts of a reward model.

    Neither prompt nor response can form special tokens, or the turn marks of ``beaver``, see
    :class:`gd2po.rewards.models.special.Neutralizer`. A Jinja file that marks its turns by plain text has no such
    protection.

    Args:
        settings: The settings of the model.
        tokenizer: The model's tokenizer, see :func:`load_tokenizer`.

    Attributes:
        labels: The labels of a guard; None for a scalar head.

    Raises:
        RewardModelError: The template is absent, the labels of a guard cannot be used, or its prompt would lose its
            end, where its question stands.
    """

    def __init__(self, settings: ModelSettings, tokenizer: Any) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self._template = _template(settings, tokenizer)
        self._harmless = Neutralizer(tokenizer, _BEAVER_MARKS if settings.template == "beaver" else ())
        self.labels = Labels(settings, tokenizer) if settings.kind == "guard" else None
        if self.labels and settings.truncation == "right":
            raise RewardModelError(
                f"guard {settings.path} has truncation: right, by which a long prompt would lose the question that it "
                "is to answer; set truncation: left"
            )

    def write(self, messages: Sequence[Message], response: str) -> RewardPrompt:
        """The conversation with the response as its last turn; for a guard, up to where its label stands.

        Args:
            messages: The conversation before the response; not changed.
            response: The text of the response.

        Raises:
            RewardModelError: The template refuses the conversation.
        """
        from jinja2 import TemplateError

        turns = [{**message, "content": self._harmless(message["content"])} for message in messages]
        turns.append({"role": "assistant", "content": self._harmless(response)})
        try:
            text = self._tokenizer.apply_chat_template(
                turns, chat_template=self._template, tokenize=False, add_generation_prompt=self.labels is not None
            )
        except TemplateError as error:
            roles = ", ".join(turn["role"] for turn in turns)
            raise RewardModelError(
                f"the template of reward model {self._settings.path} refuses turns of {roles}: {error}"
            ) from error
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]  # the template has written those at its ends
        return self._fitting(ids + self.labels.opening if self.labels else ids)

    def _fitting(self, ids: list[int]) -> RewardPrompt:
        longest = self._settings.max_length
        cut = max(0, len(ids) - longest)
        kept = ids[cut:] if self._settings.truncation == "left" else ids[:longest]
        return RewardPrompt(tuple(kept), cut)


def _template(settings: ModelSettings, tokenizer: Any) -> str:
    if settings.template == "beaver":
        return BEAVER
    if settings.template != "chat":
        file = Path(settings.template).expanduser()
        if not file.is_file():
            raise RewardModelError(
                f"template {settings.template!r} of reward model {settings.path} is neither chat nor beaver, nor a file"
            )
        return file.read_text(encoding="utf-8")
    if not tokenizer.chat_template:
        raise RewardModelError(
            f"the tokenizer of reward model {settings.path} has no chat template; set template: beaver, or name the "
            "Jinja file of the format it was trained with"
        )
    return str(tokenizer.chat_template)
