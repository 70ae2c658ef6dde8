"""Which text of a response is its program."""

import pytest

from gd2po.rewards.coding.blocks import blocks_of, is_well_formed, program_of


@pytest.mark.parametrize(
    "response",
    [
        "```python\nprint(1)\n```",
        "```py\nprint(1)\n```",
        "```Python\nprint(1)\n```",
        "``` python title=main\nprint(1)\n```",
        "```\nprint(1)\n```",
        "~~~python\nprint(1)\n~~~",
        "````python\nprint(1)\n````",
        "Here: ```python\nprint(1)\n```",
        "```python\nprint(1)```",
        "```python\nprint(1)",
        "1. so\n   ```python\n   print(1)\n   ```",
        "<think>```python\nno\n```</think>```python\nprint(1)\n```",
        "```python\nno()\n```\nbetter:\n```python\nprint(1)\n```",
        "```python\nno()\n```\nbetter:\n```\nprint(1)\n```",
        "```python\nprint(1)\n```\nprints\n```\n1\n```",
        "```python\nprint(1)\n```\nprints\n```output\n1\n```\nand\n```text\nprint(2)\n```",
        "```python\nprint(1)\n```\nprints\n```\nHello, world!\n```",
        "```bash\npython main.py\n```\n```python\nprint(1)\n```",
        "use ``` to fence\n```python\nprint(1)\n```",
    ],
)
def test_the_program_is_the_last_block(response):
    program = program_of(response)
    assert program is not None
    assert program.strip() == "print(1)"


@pytest.mark.parametrize(
    "response", ["", "print(1)", "```python\n\n```", "<think>```python\nprint(1)\n```</think>done", "```", "``````"]
)
def test_without_a_block_there_is_no_program(response):
    assert program_of(response) is None


def test_lines_keep_their_indentation():
    assert program_of("  ```python\n  def f():\n      return 1\n  ```") == "def f():\n    return 1"
    assert program_of("```python\n  x\n```") == "  x"


def test_a_fence_inside_a_longer_one_is_code():
    assert [block.code for block in blocks_of("````\n```\n````")] == ["```"]


def test_format_wants_a_closed_block_after_one_thought():
    assert is_well_formed("a</think>```python\nprint(1)\n```")
    assert not is_well_formed("```python\nprint(1)")
    assert not is_well_formed("a</think>b</think>```python\nprint(1)\n```")
    assert not is_well_formed("```python\nprint(1)\n```</think>done")


@pytest.mark.parametrize("text", ["`", "```\n", "~", "x" * 99 + "```a\n", " ", "\n", "\0", "(", "```python\n(" * 2])
def test_a_long_response_is_read_in_linear_time(text):
    program_of((text * 10**6)[: 10**6])
