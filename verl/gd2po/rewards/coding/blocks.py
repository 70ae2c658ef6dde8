"""The program of a response: its last fenced block of code."""

import ast
import re
from dataclasses import dataclass

_THOUGHT_END = "</think>"
_OPENING = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<name>[^`]*)")
_OPENING_LATER = re.compile(r"[^`]*[^`\s][^`]*(?P<fence>`{3,})(?P<name>[\w+#.-]*)\s*")
_PYTHON = re.compile(r"\{?\.?(python|py|pypy)[\d.]*\b", re.IGNORECASE)
_TEXTS = {"bash", "console", "csv", "in", "input", "json", "markdown", "md", "none", "out", "output", "plain"}
_TEXTS |= {"plaintext", "result", "sample", "sh", "shell", "stderr", "stdin", "stdout", "text", "txt"}
_LONGEST_OUTPUT = 2000


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        name: What is written behind the opening fence.
        code: The lines between the fences.
        closed: Whether there is a closing fence.
    """

    name: str
    code: str
    closed: bool


def program_of(response: str) -> str | None:
    """The program of a response; None where there is no block, or an empty one.

    Only what follows the last `</think>` is read, or the whole text where there is no such tag. The last block counts,
    whatever its fence is called; a block that shows a program's output, behind the program, does not. A block without
    a closing fence goes on to the end.
    """
    blocks = blocks_of(_after_thought(response))
    while len(blocks) > 1 and _is_output(blocks[-1], blocks[:-1]):
        blocks.pop()
    return blocks[-1].code if blocks and blocks[-1].code.strip() else None


def is_well_formed(response: str) -> bool:
    """Whether a response has at most one `</think>`, and after it a block that is closed and not empty."""
    blocks = blocks_of(_after_thought(response))
    return response.count(_THOUGHT_END) <= 1 and any(block.closed and block.code.strip() for block in blocks)


def blocks_of(text: str) -> list[Block]:
    """All fenced blocks, in order. Linear in the text."""
    blocks: list[Block] = []
    fence, name, indent, code = "", "", "", list[str]()
    for line in text.split("\n"):
        if not fence:
            if opening := _OPENING.fullmatch(line) or _OPENING_LATER.fullmatch(line[-200:]):
                fence, name, code = opening["fence"], opening["name"].strip(), []
                indent = opening.groupdict().get("indent") or ""
        elif (stripped := line.rstrip()).endswith(fence):
            last = stripped.rstrip(fence[0])
            blocks.append(Block(name, "\n".join([*code, last] if last.strip() else code), True))
            fence = ""
        else:
            code.append(line.removeprefix(indent))
    if fence:
        blocks.append(Block(name, "\n".join(code), False))
    return blocks


def _after_thought(response: str) -> str:
    return response[response.rfind(_THOUGHT_END) + len(_THOUGHT_END) :] if _THOUGHT_END in response else response


def _is_output(block: Block, before: list[Block]) -> bool:
    """Whether a block shows what a program before it prints: by its name, or because it does nothing."""
    if block.name.lower() in _TEXTS:
        return any(other.name.lower() not in _TEXTS for other in before)
    if block.name or len(block.code) > _LONGEST_OUTPUT or not any(_PYTHON.match(other.name) for other in before):
        return False
    try:
        statements = ast.parse(block.code).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return True
    return all(isinstance(part, ast.Expr) and not _calls(part) for part in statements)


def _calls(statement: ast.AST) -> bool:
    return any(isinstance(node, (ast.Call, ast.Await, ast.Yield, ast.NamedExpr)) for node in ast.walk(statement))
