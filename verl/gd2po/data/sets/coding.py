"""The public data sets of the coding task."""

from gd2po.data.published import RAW, Checksum, DataSet, Member

_EURUS = "https://huggingface.co/datasets/PRIME-RL/Eurus-2-RL-Data/resolve/main"

CODING = (
    DataSet(
        "humaneval",
        licence="MIT",
        terms="MIT: the licence of openai/human-eval.",
        members=(
            Member(
                "humaneval/test",
                f"{RAW}/openai/human-eval/6d43fb980f9fee3c892a914eda09951f772ad10d/data/HumanEval.jsonl.gz",
                Checksum("sha256", "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef"),
                rows=164, purpose="benchmark", size=44_877,
            ),
        ),
    ),
    DataSet(
        "mbpp",
        licence="CC-BY-4.0",
        terms="CC-BY-4.0: the licence of MBPP by Google Research; DeepSeek-Coder publishes it in this form.",
        members=(
            Member(
                "mbpp/all",
                f"{RAW}/deepseek-ai/DeepSeek-Coder/2f9fd85927c669dae3c0fbb2d607274023af243e/Evaluation/MBPP/data/mbpp.jsonl",
                Checksum("sha256", "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f"),
                rows=974, purpose="training and benchmark", size=563_743,
            ),
        ),
    ),
    DataSet(
        "eurus2_rl",
        licence="MIT",
        terms="MIT: the licence that PRIME-RL/Eurus-2-RL-Data states on its card, not checked there. Its programming "
        "problems come from APPS, CodeContests, TACO and Codeforces.",
        members=(
            Member(
                "eurus2_rl/train", f"{_EURUS}/train.parquet", Checksum("unseen", ""),
                rows=482_019, purpose="training problems",
            ),
            Member(
                "eurus2_rl/validation", f"{_EURUS}/validation.parquet", Checksum("unseen", ""),
                rows=2_048, purpose="validation",
            ),
        ),
    ),
)  # fmt: skip
