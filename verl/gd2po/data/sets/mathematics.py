"""The public data sets of the mathematics task."""

from gd2po.data.published import RAW, Checksum, DataSet, Member

_QWEN = f"{RAW}/QwenLM/Qwen2.5-Math/a45202bd16f1ec06f433442dc1152d0074773465/evaluation/data"
_PRIME = f"{RAW}/PRIME-RL/PRIME/18ad596f08d487bb546d80d738d99ec697bd2e75/eval/data/AI-MO"
_HUB = "https://huggingface.co/datasets"
_MAA = "The texts of the problems are by the Mathematical Association of America."

MATHEMATICS = (
    DataSet(
        "gsm8k",
        licence="MIT",
        terms="MIT: the licence of openai/grade-school-math.",
        members=(
            Member(
                "gsm8k/train",
                f"{RAW}/openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/grade_school_math/data/train.jsonl",
                Checksum("sha256", "17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465"),
                rows=7473, purpose="training problems", size=4_166_206,
            ),
            Member(
                "gsm8k/test",
                f"{RAW}/openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/grade_school_math/data/test.jsonl",
                Checksum("sha256", "3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14"),
                rows=1319, purpose="benchmark", size=749_738,
            ),
        ),
    ),
    DataSet(
        "math",
        licence="MIT",
        terms="MIT: the licence of hendrycks/math, and of the code of DeepSeek-Coder, which publishes it in this form.",
        members=(
            Member(
                "math/test",
                f"{RAW}/deepseek-ai/DeepSeek-Coder/2f9fd85927c669dae3c0fbb2d607274023af243e"
                "/Evaluation/PAL-Math/datasets/math/test.json",
                Checksum("sha256", "3371949f33dd702d04b43fddd7d53a028de0aaca0e76abb1b875a050297b3aa4"),
                rows=5000, purpose="training problems", size=4_101_364,
            ),
        ),
    ),
    DataSet(
        "math500",
        licence="MIT",
        terms="MIT: the licence of hendrycks/math, of which openai/prm800k chose these; the repository that publishes "
        "them in this form states none.",
        members=(
            Member(
                "math500/test",
                f"{RAW}/MobileLLM/BudgetThinker/f0466b9d37595f46603387baa5930e312fefb7f5/evaluation/data/math500/test_ori.jsonl",
                Checksum("sha256", "35dc41080a3680858b27fa7e0533d2d547825316fc5dafe5d316f4ccc5a06132"),
                rows=500, purpose="benchmark", size=446_564,
            ),
        ),
    ),
    DataSet(
        "aime24",
        licence="MIT",
        terms=f"MIT: the licence of the evaluation of Qwen2.5-Math, which publishes it in this form. {_MAA}",
        members=(
            Member(
                "aime24/test", f"{_QWEN}/aime24/test.jsonl",
                Checksum("sha256", "af2b8bd2aa911b6333ad0df32f3ca05c7ae8ed10f1731f4372c8ae26990bf7ac"),
                rows=30, purpose="benchmark", size=156_944,
            ),
        ),
    ),
    DataSet(
        "aime25",
        licence="MIT",
        terms=f"MIT: the licence of the evaluation of armenjeddi/mcd, which publishes it in this form. {_MAA}",
        members=(
            Member(
                "aime25/test",
                f"{RAW}/armenjeddi/mcd/76771f969048ebd77a1b4261b0a3469192c6f92a/evaluation/data/aime25/test.jsonl",
                Checksum("sha256", "19a9f25a12e89abaeea9f7e214f8b6f6eae43285e9d8df7a3818ca0408df4b07"),
                rows=30, purpose="benchmark", size=33_113,
            ),
        ),
    ),
    DataSet(
        "aime22_24",
        licence="Apache-2.0",
        terms=f"Apache-2.0: the licence of AI-MO/aimo-validation-aime, and of PRIME, which publishes it here. {_MAA}",
        members=(
            Member(
                "aime22_24/test", f"{_PRIME}/aimo-validation-aime/aimo-validation-aime.jsonl",
                Checksum("sha256", "7db6f782e60f62dafcc492d5c12f59e2a4e7ae74544d98224c5e25afdff32d5a"),
                rows=90, purpose="benchmark", size=546_611,
            ),
        ),
    ),
    DataSet(
        "amc23",
        licence="MIT",
        terms=f"MIT: the licence of the evaluation of Qwen2.5-Math, which publishes it in this form. {_MAA}",
        members=(
            Member(
                "amc23/test", f"{_QWEN}/amc23/test.jsonl",
                Checksum("sha256", "43707e1ca784602d8479de24ee8ce36609dbebc46dd152b0b12a46611aa898a4"),
                rows=40, purpose="benchmark", size=27_631,
            ),
        ),
    ),
    DataSet(
        "amc22_23",
        licence="Apache-2.0",
        terms=f"Apache-2.0: the licence of AI-MO/aimo-validation-amc, and of PRIME, which publishes it here. {_MAA}",
        members=(
            Member(
                "amc22_23/test", f"{_PRIME}/aimo-validation-amc/aimo-validation-amc.jsonl",
                Checksum("sha256", "f4d4c28866b1b7dee913538f5bf9760b69532fe0c25eb1b765905546bd61846e"),
                rows=83, purpose="benchmark", size=37_027,
            ),
        ),
    ),
    DataSet(
        "minerva_math",
        licence="CC-BY-NC-SA",
        terms="CC-BY-NC-SA-4.0, NON-COMMERCIAL USE ONLY: the licence of MIT OpenCourseWare, where the problems come "
        "from. The evaluation of Qwen2.5-Math, which publishes them in this form, is under MIT.",
        members=(
            Member(
                "minerva_math/test", f"{_QWEN}/minerva_math/test.jsonl",
                Checksum("sha256", "0e656b430d3a0a1dab6aa853f453ba3805e28e2cabe4fc72486a897cc09d8ba2"),
                rows=272, purpose="benchmark", size=247_267,
            ),
        ),
    ),
    DataSet(
        "olympiadbench",
        licence="Apache-2.0",
        terms="Apache-2.0: the licence that OpenBMB/OlympiadBench states on its card, not checked there.",
        members=(
            Member(
                "olympiadbench/test", f"{_QWEN}/olympiadbench/test.jsonl",
                Checksum("sha256", "bb8c1e38a16ea9eacb77530315a674d883f267fbff79183effc53681b4fcc416"),
                rows=675, purpose="benchmark", size=1_493_870,
            ),
        ),
    ),
    DataSet(
        "deepscaler",
        licence="MIT",
        terms="MIT: the licence that agentica-org/DeepScaleR-Preview-Dataset states on its card, not checked there.",
        members=(
            Member(
                "deepscaler/train", f"{_HUB}/agentica-org/DeepScaleR-Preview-Dataset/resolve/main/deepscaler.json",
                Checksum("unseen", ""),
                rows=40_315, purpose="training problems",
            ),
        ),
    ),
)  # fmt: skip
