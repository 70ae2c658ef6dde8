"""The token ids of a conversation, as a reward model reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gd2po.rewards.models.contract import Message, RewardModelError, RewardPrompt
from gd2po.rewards.models.labels import Labels
from gd2po.rewards.models.messages import plain_messages, unread_parts, with_texts
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

_DEFAULT = "default"
"""The one of several named chat templates that transformers takes where no tools are offered."""

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
            messages: The conversation before the response; not changed. Content may be a text, None or text parts, see
                :func:`gd2po.rewards.models.messages.plain_messages`.
            response: The text of the response.

        Raises:
            RewardModelError: A message has no text, or the template refuses the conversation or leaves out what it
                says of tools.
        """
        turns = [with_texts(message, self._harmless) for message in plain_messages(messages)]
        if unread := unread_parts(turns, self._render):
            raise RewardModelError(
                f"the template of reward model {self._settings.path} leaves out {' and '.join(unread)} of a prompt, so "
                "the model would judge an answer to another conversation; set template to a Jinja file that writes "
                "them, or choose a reward model whose template does"
            )
        text = self._render([*turns, {"role": "assistant", "content": self._harmless(response)}])
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]  # the template has written those at its ends
        return self._fitting(ids + self.labels.opening if self.labels else ids)

    def _render(self, turns: Sequence[Message]) -> str:
        from jinja2 import TemplateError

        try:
            return str(
                self._tokenizer.apply_chat_template(
                    turns, chat_template=self._template, tokenize=False, add_generation_prompt=self.labels is not None
                )
            )
        except (TemplateError, TypeError) as error:  # a TypeError where a template joins a text with something else
            roles = ", ".join(turn["role"] for turn in turns)
            raise RewardModelError(
                f"the template of reward model {self._settings.path} refuses turns of {roles}: {error}"
            ) from error

    def _fitting(self, ids: list[int]) -> RewardPrompt:
        longest = self._settings.max_length
        cut = max(0, len(ids) - longest)
        kept = ids[cut:] if self._settings.truncation == "left" else ids[:longest]
        return RewardPrompt(tuple(kept), cut)


def _template(settings: ModelSettings, tokenizer: Any) -> str:
    if settings.template == "beaver":
        return BEAVER
    own = tokenizer.chat_template
    named = own if isinstance(own, dict) else {}
    if settings.template in named:
        return str(named[settings.template])
    if settings.template != "chat":
        file = Path(settings.template).expanduser()
        if not file.is_file():
            raise RewardModelError(
                f"template {settings.template!r} of reward model {settings.path} is neither chat nor beaver, nor a file"
                f"{_or_a_name(named)}"
            )
        return file.read_text(encoding="utf-8")
    if not own:
        raise RewardModelError(
            f"the tokenizer of reward model {settings.path} has no chat template; set template: beaver, or name the "
            "Jinja file of the format it was trained with"
        )
    if not named:
        return str(own)
    if _DEFAULT not in named:
        raise RewardModelError(
            f"the tokenizer of reward model {settings.path} has several chat templates ({', '.join(sorted(named))}), "
            f"and none called {_DEFAULT}, which transformers would take; set template to the name of the one that the "
            "model was trained with"
        )
    return str(named[_DEFAULT])


def _or_a_name(named: Mapping[str, str]) -> str:
    return f", nor one of the tokenizer's own: {', '.join(sorted(named))}" if named else ""
