"""Methods by name, each with the options that it reads: how estimators, filters and rewards are found and checked."""

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, MutableSequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from gd2po.errors import SettingsError, nearest, unknown_name

Function = TypeVar("Function", bound=Callable[..., Any])
KIND = "kind"
"""The key that names the method in a mapping; the other keys are the method's options."""


class OptionError(SettingsError):
    """Options that a method does not read, or values that they cannot have.

    Attributes:
        problems: The path of each option, as keys from the outside to the inside, and what is wrong with it.
    """

    def __init__(self, problems: Iterable[tuple[tuple[str, ...], str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(": ".join(filter(None, (".".join(path), text))) for path, text in self.problems))


@dataclass(frozen=True)
class ChosenMethod(Generic[Function]):
    """A registered method with the values of its options. Called with the method's inputs, it adds the options.

    Attributes:
        kind: The name under which the method is registered.
        function: The function that was registered.
        options: The validated options object; None for a method without options.
    """

    kind: str
    function: Function
    options: Any = None

    def __call__(self, *inputs: Any) -> Any:
        return self.function(*inputs) if self.options is None else self.function(*inputs, self.options)

    def plain_options(self) -> dict[str, Any]:
        """Option → value as plain data; a chosen method among them as its own mapping with `kind`."""
        names = () if self.options is None else option_names(type(self.options))
        values = {name: getattr(self.options, name) for name in names}
        return {name: value.plain() if isinstance(value, ChosenMethod) else value for name, value in values.items()}

    def plain(self) -> dict[str, Any]:
        """The mapping from which :meth:`Registry.choose` makes this choice again."""
        return {KIND: self.kind, **self.plain_options()}


@dataclass(frozen=True)
class RegisteredMethod(Generic[Function]):
    """A function under a name.

    Attributes:
        name: The name in configurations.
        function: What is called.
        schema: The class of its options, a frozen dataclass or a pydantic model; None if it has no options.
        traits: What else holds for the method, in words that its registry understands.
    """

    name: str
    function: Function
    schema: type | None
    traits: frozenset[str] = frozenset()

    @functools.cached_property
    def option_names(self) -> tuple[str, ...]:
        """The names of the options that the function reads."""
        return () if self.schema is None else option_names(self.schema)

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter[Any](self.schema or dict)

    def validated(self, values: Mapping[str, Any]) -> ChosenMethod[Function]:
        """The method with these values of its options, and defaults for the others.

        Raises:
            OptionError: a value is not what the schema asks for.
        """
        if self.schema is None:
            return ChosenMethod(self.name, self.function)
        try:
            return ChosenMethod(self.name, self.function, self._adapter.validate_python(dict(values)))
        except ValidationError as error:
            raise OptionError(problem for item in error.errors() for problem in _problems(item)) from None


class Registry(Generic[Function]):
    """The methods of one kind, by name."""

    def __init__(self, kind: str) -> None:
        """
        Args:
            kind: What a method of this registry is called in messages, such as ``conflict filter``.
        """
        self.kind = kind
        self._methods: dict[str, RegisteredMethod[Function]] = {}

    def register(
        self, name: str, options: type | None = None, *, traits: Iterable[str] = ()
    ) -> Callable[[Function], Function]:
        """Decorator: make a function known under a name, with the class of its options and its traits.

        A function that is defined again, by the same module under the same name, takes the place of its former self.

        Raises:
            SettingsError: the name is taken, or an option has no default.
        """

        def register(function: Function) -> Function:
            if name in self._methods and _owner(self._methods[name].function) != _owner(function):
                owner = _owner(self._methods[name].function)
                raise SettingsError(f"{self.kind} {name!r} is already registered, by {owner}: choose another name")
            method = RegisteredMethod(name, function, options, frozenset(traits))
            if KIND in method.option_names:
                raise SettingsError(f"{self.kind} {name!r} has an option {KIND!r}, which names the method itself")
            try:
                method.validated({})
            except OptionError as error:
                raise SettingsError(
                    f"{self.kind} {name!r} cannot be chosen by its name alone ({error}): give each option of "
                    f"{getattr(options, '__name__', options)} a default"
                ) from None
            self._methods[name] = method
            return function

        return register

    def names(self) -> tuple[str, ...]:
        """The registered names, sorted."""
        return tuple(sorted(self._methods))

    def find(self, name: object) -> RegisteredMethod[Function]:
        """The method of a name.

        Raises:
            SettingsError: the name is not known; the nearest one is suggested.
        """
        if not isinstance(name, str) or name not in self._methods:
            raise unknown_name(self.kind, name, self._methods)
        return self._methods[name]

    def readers(self, option: str) -> tuple[str, ...]:
        """The names of the methods that read an option."""
        return tuple(name for name in self.names() if option in self._methods[name].option_names)

    def choose(self, choice: Any, default: str | None = None) -> ChosenMethod[Function]:
        """A method with its options.

        Args:
            choice: A name; or a mapping with the name under `kind` and the method's options beside it; or a choice that
                was made before.
            default: The name that a mapping without `kind` means.

        Raises:
            SettingsError: the name is not known.
            OptionError: the method does not read an option, or an option cannot have its value.
        """
        if isinstance(choice, ChosenMethod):
            return choice
        if not isinstance(choice, Mapping):  # a name
            return self.find(choice).validated({})
        return self.configure(choice.get(KIND, default), {name: choice[name] for name in choice if name != KIND})

    def configure(self, name: object, values: Mapping[str, Any]) -> ChosenMethod[Function]:
        """The method of a name, with values of its options.

        Raises:
            SettingsError: the name is not known.
            OptionError: the method does not read an option, or an option cannot have its value.
        """
        method = self.find(name)
        problems = [((str(key),), self._not_read(method, str(key))) for key in values if key not in method.option_names]
        if problems:
            raise OptionError(sorted(problems))
        return method.validated(values)

    def _not_read(self, method: RegisteredMethod[Function], option: str) -> str:
        reads = ", ".join(method.option_names) or "no option"
        text = f"{self.kind} {method.name!r} does not read this option (it reads {reads})"
        if readers := self.readers(option):
            return f"{text}; remove the option, or choose {' or '.join(map(repr, readers))}, which reads it"
        return f"{text}; remove the option.{nearest(option, method.option_names)}"


def option_names(schema: type) -> tuple[str, ...]:
    """The names of the options of a class: a dataclass or a pydantic model."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return tuple(schema.model_fields)
    if not dataclasses.is_dataclass(schema):
        raise SettingsError(f"{schema!r} cannot hold options: expected a frozen dataclass or a pydantic model")
    return tuple(field.name for field in dataclasses.fields(schema) if field.init)


def import_modules(package: str, path: MutableSequence[str]) -> None:
    """Import every module of a package, so that each registers what it holds and a new file needs no list."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")


def _owner(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _problems(item: Any) -> Iterable[tuple[tuple[str, ...], str]]:
    """Path and text of one pydantic error; those of a method that is chosen inside, one by one."""
    path = tuple(str(part) for part in item["loc"])
    cause = item.get("ctx", {}).get("error")
    if isinstance(cause, OptionError):
        return [((*path, *inner), text) for inner, text in cause.problems]
    if item["type"] == "value_error":
        return [(path, str(cause))]
    if item["type"] == "missing":
        return [(path, "missing")]
    return [(path, f"found {item['input']!r}; {item['msg'][0].lower()}{item['msg'][1:]}")]
