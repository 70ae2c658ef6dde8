"""The public data sets of the tool-calling task."""

from gd2po.data.published import RAW, Checksum, DataSet, Member

_TOOLRL = f"{RAW}/qiancheng0/ToolRL/8cee13ec0ca72f0461da372a93a6fd8140dbb840"

TOOL_CALLING = (
    DataSet(
        "rlla_4k",
        licence="not stated",
        terms="No licence is stated for the data. It was made of ToolACE (Apache-2.0), xLAM-60k (CC-BY-4.0, gated) and "
        "Hammer (CC-BY-4.0); the code of ToolRL, which publishes it, is Apache-2.0.",
        members=(
            Member(
                "rlla_4k/train", f"{_TOOLRL}/dataset/rlla_4k/train.parquet",
                Checksum("git-blob", "0ddc730c556e4d26449dbdb55a1b28be824a8bfe"),
                rows=3920, purpose="training prompts",
            ),
            Member(
                "rlla_4k/test", f"{_TOOLRL}/dataset/rlla_4k/test.parquet",
                Checksum("sha256", "f7f300ebe755fd04985c83e18097d5a94a08619d72809fe06128ed3f00da7554"),
                rows=80, purpose="validation", size=181_231,
            ),
            Member(
                "rlla_4k/sft", f"{_TOOLRL}/dataset/rlla_4k_raw/rlla_sft.json",
                Checksum("sha256", "ef42a7b1574f1552d6cc7bf9f060a6425458ff67bae2baf53e945dc640dc125c"),
                rows=400, purpose="warm start", size=2_006_475,
            ),
        ),
    ),
    DataSet(
        "api_bank",
        licence="Apache-2.0",
        terms="Apache-2.0: the licence in api-bank/ of DAMO-ConvAI, where the dialogues come from (the root of that "
        "repository says MIT), and of ToolRL, which publishes them in this form.",
        members=(
            Member(
                "api_bank/lv1", f"{_TOOLRL}/benchmarks/API-Bank/level-1-api_processed.json",
                Checksum("sha256", "51ebc8209ba467ce4cc1854d23b2cfd89759f3c45ff2aaf90de4f003162ea98f"),
                rows=399, purpose="benchmark, level 1", size=1_408_152,
            ),
            Member(
                "api_bank/lv2", f"{_TOOLRL}/benchmarks/API-Bank/level-2-api_processed.json",
                Checksum("sha256", "75c8097b3127d1f7aec13edb6b7a8428565d753b107f2b1e20daa3d0cfda51db"),
                rows=67, purpose="benchmark, level 2", size=215_912,
            ),
            Member(
                "api_bank/lv3", f"{_TOOLRL}/benchmarks/API-Bank/level-3-api_processed.json",
                Checksum("sha256", "57228427976f05725d9cf2f0ab03ac16487efaed67d5a929b28e974b9b27ef05"),
                rows=131, purpose="benchmark, level 3", size=376_214,
            ),
        ),
    ),
)  # fmt: skip
