"""The documents are true: each command, setting, path and link in a .md file is one that the repository has.

A command is parsed by the program that would read it, and not run: `gd2po` by its own parser, an override by Hydra and
verl's configuration, a shell text by `bash -n`, an option of a script by the script's text. Three rules for
placeholders: `<name>` is some word, `…` instead of arguments stands for what is needed there, `[…]` may be left out.
"""

import doctest
import functools
import re
import runpy
import shlex
import subprocess
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from gd2po.cli import app
from gd2po.data.catalogue import find_members
from gd2po.data.recipes import find_recipes, is_known
from gd2po.errors import GD2POError
from gd2po.evaluation.bfcl.categories import parse_categories
from gd2po.settings import Settings

ROOT = Path(__file__).parents[1]
WRITTEN = {"checkpoints", "models", "outputs"}  # folders of runs
DOCUMENTS = sorted(
    path
    for path in {*ROOT.glob("*.md"), *ROOT.glob("[!.]*/*.md"), *ROOT.glob("docs/**/*.md")}
    if path.relative_to(ROOT).parts[0] not in WRITTEN
)
TASKS = sorted(path.parent.parent.name for path in ROOT.glob("*/config/base.yaml"))
METHODS = {path.stem for path in ROOT.glob("verl/gd2po/configs/method/*.yaml")}
LAUNCHERS = {"scripts/train.sh": [], "scripts/cluster.sh": []} | {f"{task}/train.sh": [task] for task in TASKS}
SHORT_FORMS = {"API_Bank/evaluate.sh": ["eval", "api-bank", "--model"], "scripts/quickstart.sh": ["quickstart"]}
WRAPPERS = {"do", "then", "exec", "nohup", "srun", "time", "&&"}
COMMANDS: Any = typer.main.get_command(app)

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(cd \S+ && )?(\w+=\S+ )*(\S*bin/)?(gd2po|bash|python) ")


class Fault(Exception):
    """What is wrong with a line of a document."""


def fences(text: str, language: str) -> list[str]:
    return [textwrap.dedent(body) for _, found, body in _FENCE.findall(text) if found == language]


def prose(text: str) -> str:
    return _FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
    return [" ".join(code.split()).replace("\\|", "|") for code in re.findall(r"`([^`]+)`", prose(text))]


# --- shell -----------------------------------------------------------------------------------------------------------


def simple_commands(block: str, folder: Path = ROOT) -> Iterator[tuple[Path, list[str]]]:
    """The commands between `;`, `&&`, `|` and the ends of the lines, each with the folder in which it runs."""
    text = re.sub(r"<[\w -]+>", "name", re.sub(r"\$\(\(.*?\)\)", "1", block.replace("\\\n", " ")))
    open_quote = ""
    for line in text.splitlines():
        lexer = shlex.shlex(open_quote + line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            tokens, open_quote = [*lexer, ";"], ""
        except ValueError:  # a quotation that goes on in the next line
            open_quote += f"{line} "
            continue
        words: list[str] = []
        for token in tokens:
            if set(token) - set("();|&"):
                words.append(token)
                continue
            if words[:1] == ["cd"]:
                folder = ROOT if words[1].startswith(("~", "/")) else folder / words[1]
                if not folder.is_dir():
                    raise Fault(f"there is no folder {words[1]}")
            elif "ssh" in words[:2]:
                yield from simple_commands(words[-1], folder)
            elif words:
                yield folder, words
            words = []


def program(words: list[str]) -> tuple[str, list[str]]:
    """gd2po, bash or python, and its arguments; an empty name for any other program."""
    for place, word in enumerate(words):
        name = word.rpartition("/")[2]
        if re.match(r"\w+=", word) or name in WRAPPERS:
            continue
        if name in ("gd2po", "bash", "python"):
            return name, [word for word in words[place + 1 :] if not re.fullmatch(r"\[.*\]", word)]
        if words[0] != "srun":
            break
    return "", []


def check_block(block: str, strict: bool) -> None:
    """Raise a fault if a command cannot be what it should be.

    Args:
        block: a shell text.
        strict: whether arguments must be complete; a command that is only mentioned may lack some.
    """
    checks = {"gd2po": check_gd2po, "bash": check_bash, "python": check_python}
    for folder, words in simple_commands(block):
        name, arguments = program(words)
        if name:
            checks[name](arguments, folder, strict and "…" not in arguments)


def check_bash(arguments: list[str], folder: Path, strict: bool) -> None:
    if not arguments or arguments[0].startswith("-"):
        return
    script = folder / arguments[0]
    check_syntax(script)
    name = str(script.resolve().relative_to(ROOT))
    if name in LAUNCHERS:
        check_training([*LAUNCHERS[name], *arguments[1:]], strict)
    elif name in SHORT_FORMS:
        check_gd2po([*SHORT_FORMS[name], *arguments[1:]], folder, strict)
    elif name == "scripts/test.sh":
        check_pytest(arguments[1:])


@functools.cache
def check_syntax(script: Path) -> None:
    if not script.is_file():
        raise Fault(f"there is no script {script}")
    check_shell(script.read_text(encoding="utf-8"))


def check_shell(text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Fault(done.stderr.strip())


# --- gd2po -----------------------------------------------------------------------------------------------------------


def check_gd2po(arguments: list[str], _folder: Path, strict: bool) -> None:
    strict &= "--help" not in arguments
    words = [word for word in arguments if word not in ("…", "--help")]
    command, path = COMMANDS, []
    while hasattr(command, "commands"):
        if not words and not strict:
            return
        if not words or words[0] not in command.commands:
            raise Fault(f"{' '.join(['gd2po', *path])} has no command {words[:1]}")
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    try:
        given = command.make_context(" ".join(path), list(words)).params
    except typer.BadParameter.__mro__[1] as error:  # click's UsageError
        message = error.format_message()
        if "does not exist" in message or (type(error).__name__ == "MissingParameter" and not strict):
            return  # a file of the user, or a command that is only mentioned
        raise Fault(message) from None
    try:
        check_values(path, given, words, strict)
    except (GD2POError, FileNotFoundError) as error:
        raise Fault(str(error)) from None


def check_values(path: list[str], given: dict[str, Any], words: list[str], strict: bool) -> None:
    """What the command itself would refuse, beyond its parser."""
    if path[0] == "data" and path[1] in ("get", "verify"):
        find_members(named(given["names"]))
    elif path == ["data", "prepare"]:
        for name in named(given["sources"]):
            if is_known(given["sources"][0]) or not Path(name).suffix:
                find_recipes(name)
    elif path[0] in ("plan", "doctor") and given["arguments"]:
        check_training(given["arguments"], strict)
    elif path == ["sft"]:
        if not (ROOT / given["task"] / "sft.yaml").is_file():
            raise Fault(f"{given['task']} has no warm start")
        check_overrides(ROOT / given["task"], "sft", given["overrides"] or [])
    elif path == ["train"] and strict:
        check_verl_arguments(words)
    elif path == ["eval", "bfcl"] and given.get("categories") and "…" not in given["categories"]:
        parse_categories(given["categories"])


def named(names: list[str]) -> list[str]:
    """Without placeholders, which are written in capitals, and files to write."""
    return [name for name in names if not name.strip("[]").isupper() and not name.endswith(".parquet")]


# --- training --------------------------------------------------------------------------------------------------------


def check_training(arguments: list[str], strict: bool) -> None:
    """Arguments of scripts/train.sh; for TRL, fields of GRPOConfig are set as ``trl.FIELD``."""
    if arguments[:1] == ["--host"]:
        if arguments[1] not in ("verl", "trl"):
            raise Fault(f"there is no host {arguments[1]}")
        arguments = [word for word in arguments[2:] if not word.startswith("trl.")]
    if "…" in arguments:
        arguments = ["tool-calling", "gd2po_hard", "model", *(word for word in arguments if "…" not in word)]
    if len(arguments) < 3:
        if strict:
            raise Fault(f"expected a task, a method and a model, got {arguments}")
        return
    task, method, _, *overrides = arguments
    if task not in TASKS or method not in METHODS:
        raise Fault(f"no task {task} or no method {method}")
    check_overrides(ROOT / task / "config", "base", [f"method={method}", *overrides])


def check_verl_arguments(arguments: list[str]) -> None:
    """Arguments of verl's trainer."""
    options, words = {}, iter(arguments)
    overrides = [word for word in words if not word.startswith("--") or options.update({word: next(words)})]
    check_overrides(ROOT / options["--config-dir"], options["--config-name"], overrides)


def check_overrides(folder: Path, name: str, overrides: list[str]) -> None:
    """Each override chooses a file of a group, sets a key that is there, or with a `+` one that is not."""
    hydra = pytest.importorskip("hydra.core.override_parser.overrides_parser")
    groups = (folder, ROOT / "verl/gd2po/configs", verl_folder() / "trainer/config")
    chosen, keys = [], {}
    try:
        parsed = hydra.OverridesParser.create().parse_overrides(
            [word for word in overrides if word not in ("--cfg", "job")]
        )
    except Exception as error:
        raise Fault(str(error)) from None
    for override in parsed:
        key, value = override.key_or_group, override.value()
        if not any((group / key).is_dir() for group in groups):
            keys[key] = override.is_add()
        elif not any((group / key / f"{value}.yaml").is_file() for group in groups):
            raise Fault(f"there is no {key} {value}")
        else:
            chosen.append(f"{key}={value}")
    for key, new in keys.items():
        node: Any = composed(folder, name, *chosen)
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) and part in node else Fault
        if new is (node is not Fault):
            raise Fault(f"the key {key} is there already" if new else f"there is no key {key}")


@functools.cache
def composed(folder: Path, name: str, *chosen: str) -> Any:
    """A configuration over that of the installed verl, as plain dictionaries; nothing of verl is imported."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    places = f"hydra.searchpath=[pkg://gd2po.configs,file://{verl_folder()}/trainer/config]"
    with initialize_config_dir(str(folder), version_base=None):
        config = compose(name, [places, *chosen])
    return OmegaConf.to_container(config, resolve=False)


def verl_folder() -> Path:
    found = find_spec("verl")
    if found is None or found.origin is None:
        pytest.skip("verl is not installed")
    return Path(found.origin).parent


# --- python ----------------------------------------------------------------------------------------------------------


def check_python(arguments: list[str], folder: Path, _strict: bool) -> None:
    while arguments[0] in ("-P", "-u"):
        arguments = arguments[1:]
    if arguments[0] != "-m" and arguments[0].startswith("-"):
        return  # -c, --version
    if arguments[0] != "-m":
        script = folder / arguments[0]
        if not script.is_file():
            raise Fault(f"there is no script {script}")
        known = "".join(
            path.read_text(encoding="utf-8") for path in {script, script.with_name("results.py")} if path.exists()
        )
        check_options(arguments[1:], known)
    elif arguments[1] == "pytest":
        check_pytest(arguments[2:])
    elif arguments[1].startswith(("gd2po.", "verl.")):
        check_options(arguments[2:], module_text(arguments[1]))
        if arguments[1] == "verl.trainer.main_ppo" and len(arguments) > 2:
            check_verl_arguments(arguments[2:])


def check_options(arguments: list[str], text: str) -> None:
    for option in (word for word in arguments if word.startswith("--")):
        parameter = re.compile(rf'"{option}"|\b{option.strip("-").replace("-", "_")}: ')  # of argparse, or of typer
        if not parameter.search(text) and option not in ("--help", "--config-dir", "--config-name"):
            raise Fault(f"there is no option {option}")


def module_text(name: str) -> str:
    """The source of a module, or of all modules of a package; it is not imported."""
    top = find_spec(name.partition(".")[0])
    if top is None or top.origin is None:
        pytest.skip(f"{name} is not installed")
    path = Path(top.origin).parent.joinpath(*name.split(".")[1:])
    files = [*path.glob("*.py")] if path.is_dir() else [path.with_suffix(".py")]
    if not files or not files[0].is_file():
        raise Fault(f"there is no module {name}")
    return "".join(file.read_text(encoding="utf-8") for file in files)


def check_pytest(arguments: list[str]) -> None:
    for word in arguments:
        if word.startswith("tests/") and not (ROOT / word.partition("::")[0]).exists():
            raise Fault(f"there is no {word}")


# --- links -----------------------------------------------------------------------------------------------------------


def slugs(path: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text: str, document: Path) -> list[str]:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = document.parent / name if name else document
        path = path / "README.md" if path.is_dir() and anchor else path
        if not path.exists() or (anchor and anchor not in slugs(path)):
            broken.append(target)
    return broken


def missing_paths(text: str) -> list[str]:
    """Files that are named in code, from the top of the repository, and are not there."""
    folders = "|".join(("verl", "tests", "scripts", "docs", "benchmarks", "API_Bank", *TASKS))
    pattern = re.compile(rf"({folders})/[\w./-]+\.(py|md|sh|yaml)")
    paths = {code for code in inline_code(text) if pattern.fullmatch(code)} - added(text)
    return sorted(path for path in paths if not (ROOT / path).is_file())


# --- tests -----------------------------------------------------------------------------------------------------------


def added(text: str) -> set[str]:
    """What the changes in a document (```diff) would add: files, tasks and sets of rewards."""
    files = {path for block in fences(text, "diff") for path in re.findall(r"^\+\+\+ b/(\S+)$", block, re.MULTILINE)}
    tasks = {path.partition("/")[0] for path in files if path.endswith("/config/base.yaml")}
    return files | tasks | {Path(path).stem for path in files if "/config/rewards/" in path}


def faults(text: str) -> list[str]:
    """Each line of a document that is wrong, with the reason; what its own changes add is there."""
    texts = [(block, True) for block in fences(text, "bash")]
    texts += [(code, False) for code in inline_code(text) if _COMMAND.match(code) and not code.endswith(":")]
    found = []
    for block, strict in texts:
        try:
            check_shell(re.sub(r"<[\w -]+>", "name", block)) if strict else None
            check_block(block, strict)
        except Fault as fault:
            if not added(text) & set(re.split(r"[\s,:]+", str(fault))):
                found.append(f"{block.strip()}\n  → {fault}")
    return found


documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@documents
def test_every_command_is_one(document: Path) -> None:
    assert faults(document.read_text(encoding="utf-8")) == []


@documents
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert broken_links(text, document) == [] and missing_paths(text) == []


@documents
def test_every_example_is_one(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for block in fences(text, "yaml"):
        tree = yaml.safe_load(block)
        if isinstance(tree, dict) and "adv_estimator" in (tree.get("algorithm") or {}):
            Settings.parse({"estimator": tree["algorithm"]["adv_estimator"], **tree["algorithm"].get("gd2po", {})})
    for block in fences(text, "python"):
        if ">>>" not in block:
            compile(block, str(document), "exec")
            continue
        example = doctest.DocTestParser().get_doctest(block, {}, document.name, str(document), 0)
        said: list[str] = []
        assert doctest.DocTestRunner().run(example, out=said.append).failed == 0, "".join(said)


def test_the_commands_are_not_overlooked() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    commands = [
        program(words)[0] for text in texts for block in fences(text, "bash") for _, words in simple_commands(block)
    ]
    assert {name: commands.count(name) >= least for name, least in (("gd2po", 30), ("bash", 15), ("python", 5))} == {
        "gd2po": True,
        "bash": True,
        "python": True,
    }
    assert any(">>>" in block for text in texts for block in fences(text, "python"))


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in ROOT.glob("docs/*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()
    assert "](docs/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("gd2po data prepare alpaca hh_rlhv", "hh_rlhv is neither"),
        ("gd2po data get rlla_5k", "no data set 'rlla_5k'"),
        ("gd2po evaluate api-bank --model tiny", "no command"),
        ("gd2po eval api-bank --modell tiny", "No such option"),
        ("gd2po eval api-bank", "Missing"),
        ("gd2po eval bfcl --model tiny --categories simple_cobol", "simple_cobol"),
        ("gd2po sft tool-caling models/tiny", "no warm start"),
        ("gd2po sft tool-calling models/tiny optim.learning_rate=1", "learning_rate"),
        ("gd2po plan tool-calling gd2po_hard tiny scale=9gpu", "no scale 9gpu"),
        ("bash scripts/trian.sh tool-calling gdpo tiny", "no script"),
        ("bash scripts/train.sh tool-calling gdpoo tiny", "no method gdpoo"),
        ("bash scripts/train.sh tool-calling gdpo", "expected a task"),
        ("bash scripts/train.sh tool-calling gdpo tiny trainer.save_frequency=3", "save_frequency"),
        ("bash scripts/train.sh … trainer.save_frequency=3", "save_frequency"),
        ("bash scripts/train.sh tool-calling gdpo tiny +trainer.save_freq=3", "there already"),
        ("bash scripts/train.sh tool-calling gdpo tiny 'trainer.logger=[console'", "no viable alternative"),
        ("cd tool-calling && bash train.sh gdpo tiny rewards=none", "no rewards none"),
        ("srun --ntasks 2 bash scripts/clusters.sh tool-calling gdpo tiny", "no script"),
        ('ssh node1 "cd ~/gd2po && bash scripts/nothing.sh" &', "no script"),
        ("cd nowhere", "no folder nowhere"),
        ("bash scripts/test.sh tests/nowhere", "no tests/nowhere"),
        ("bash API_Bank/evaluate.sh tiny --levels 1 --what", "No such option"),
        ("python benchmarks/nothing.py", "no script"),
        ("python benchmarks/check.py --repeat 2", "no option --repeat"),
        ("python -P -m gd2po.nothing", "no module"),
        ("python -P -m verl.trainer.main_ppo --config-dir tool-calling/config --config-name base data.none=1", "none"),
        ("for rank in 0 1; do", "syntax error"),
        ("echo 'two\nlines'; gd2po nothing", "no command"),
    ],
)
def test_a_wrong_command_is_noticed(line: str, reason: str) -> None:
    (found,) = faults(f"text\n\n```bash\n{line}\n```\n")
    assert reason in found.split("→")[1]


def test_what_is_only_mentioned_may_be_incomplete_and_not_wrong() -> None:
    assert faults("`gd2po data get`, `gd2po data prepare FILE [DEST]`, `gd2po settings of this run:`, `bash FILE`") == [
        f"bash FILE\n  → there is no script {ROOT / 'FILE'}"
    ]
    assert len(faults("`gd2po dat get` and `gd2po eval api-bank --models x`")) == 2


def test_a_key_of_one_method_is_known() -> None:
    line = "bash scripts/train.sh tool-calling {} tiny algorithm.gd2po.filter.threshold=0.5"
    assert faults(f"```bash\n{line.format('gd2po_snr')}\n```") == []
    assert len(faults(f"```bash\n{line.format('gdpo')}\n```")) == 1


def test_what_a_document_adds_is_there() -> None:
    text = "`bash scripts/train.sh sums gdpo tiny` `python -P -m pytest tests/test_sums.py` `tests/test_sums.py`"
    change = "".join(f"--- /dev/null\n+++ b/{path}\n" for path in ("sums/config/base.yaml", "tests/test_sums.py"))
    assert (len(faults(text)), missing_paths(text)) == (2, ["tests/test_sums.py"])
    assert faults(f"{text}\n```diff\n{change}```\n") == missing_paths(f"{text}\n```diff\n{change}```\n") == []


def test_a_broken_link_is_noticed() -> None:
    text = "# A title\n[a](no.md) [b](README.md#nowhere) [c](#a-title) [d](README.md) [e](https://example.org/no)"
    (document,) = (path for path in DOCUMENTS if path.parent.name == "dataset" and path.name == "README.md")
    assert broken_links(text, document) == ["no.md", "README.md#nowhere", "#a-title"]
    assert missing_paths("`tests/no.py` `tests/test_documents.py` `scripts/<name>.sh`") == ["tests/no.py"]


def test_the_picture_of_masking_shows_what_the_readme_says(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "docs/images/make_masking.py"))
    hard = script["advantages"]("gd2po")
    assert hard.kept.tolist() == [True, True, False, False, True, True, True, True]
    assert hard.query_weight.tolist() == [0.5] * 4 + [1.0] * 4
    script["main"](tmp_path / "masking.png")
    assert (tmp_path / "masking.png").stat().st_size > 10_000
