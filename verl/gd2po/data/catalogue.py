"""The public data sets that gd2po can fetch: where each file lies, under which licence, and how it is recognised.

Every address is pinned to a commit. A further data set is one more entry here, and a card in ``dataset/``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gd2po.data.checksums import Checksum
from gd2po.data.errors import DataError
from gd2po.errors import nearest

_RAW = "https://raw.githubusercontent.com"
_TOOLRL = f"{_RAW}/qiancheng0/ToolRL/8cee13ec0ca72f0461da372a93a6fd8140dbb840"


@dataclass(frozen=True, slots=True)
class Member:
    """One published file.

    Attributes:
        name: ``set/member``, as it is called on the command line.
        address: where its authors publish it, pinned to a commit.
        checksum: of the file.
        rows: it has.
        purpose: what it is for, in a few words.
        size: in bytes; None where it was never seen.
    """

    name: str
    address: str
    checksum: Checksum
    rows: int
    purpose: str
    size: int | None = None

    @property
    def file(self) -> str:
        """Its name as published."""
        return self.address.rpartition("/")[2]

    def path(self, root: Path) -> Path:
        """Where it lies below the folder of the data sets."""
        return root / self.name.partition("/")[0] / "raw" / self.file


@dataclass(frozen=True, slots=True)
class DataSet:
    """Files of one origin.

    Attributes:
        name: of the set.
        licence: in one or two words.
        terms: the same in full, to be read before the download.
        members: its files.
    """

    name: str
    licence: str
    terms: str
    members: tuple[Member, ...]


DATA_SETS = (
    DataSet(
        "rlla_4k",
        licence="not stated",
        terms="No licence is stated for the data. It was made of ToolACE (Apache-2.0), xLAM-60k (CC-BY-4.0, gated) and "
        "Hammer (CC-BY-4.0); the code of ToolRL, which publishes it, is Apache-2.0.",
        members=(
            Member(
                "rlla_4k/train",
                f"{_TOOLRL}/dataset/rlla_4k/train.parquet",
                Checksum("git-blob", "0ddc730c556e4d26449dbdb55a1b28be824a8bfe"),
                rows=3920,
                purpose="training prompts",
            ),
            Member(
                "rlla_4k/test",
                f"{_TOOLRL}/dataset/rlla_4k/test.parquet",
                Checksum("sha256", "f7f300ebe755fd04985c83e18097d5a94a08619d72809fe06128ed3f00da7554"),
                rows=80,
                purpose="validation during training",
                size=181_231,
            ),
            Member(
                "rlla_4k/sft",
                f"{_TOOLRL}/dataset/rlla_4k_raw/rlla_sft.json",
                Checksum("sha256", "ef42a7b1574f1552d6cc7bf9f060a6425458ff67bae2baf53e945dc640dc125c"),
                rows=400,
                purpose="warm-start demonstrations",
                size=2_006_475,
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
                "api_bank/lv1",
                f"{_TOOLRL}/benchmarks/API-Bank/level-1-api_processed.json",
                Checksum("sha256", "51ebc8209ba467ce4cc1854d23b2cfd89759f3c45ff2aaf90de4f003162ea98f"),
                rows=399,
                purpose="benchmark, tools described",
                size=1_408_152,
            ),
            Member(
                "api_bank/lv2",
                f"{_TOOLRL}/benchmarks/API-Bank/level-2-api_processed.json",
                Checksum("sha256", "75c8097b3127d1f7aec13edb6b7a8428565d753b107f2b1e20daa3d0cfda51db"),
                rows=67,
                purpose="benchmark, tools retrieved",
                size=215_912,
            ),
            Member(
                "api_bank/lv3",
                f"{_TOOLRL}/benchmarks/API-Bank/level-3-api_processed.json",
                Checksum("sha256", "57228427976f05725d9cf2f0ab03ac16487efaed67d5a929b28e974b9b27ef05"),
                rows=131,
                purpose="benchmark, dependent calls",
                size=376_214,
            ),
        ),
    ),
)


def known_names() -> list[str]:
    """Names of the sets and of their members."""
    return [name for found in DATA_SETS for name in (found.name, *(member.name for member in found.members))]


def find_members(names: Iterable[str]) -> list[Member]:
    """The members that are named, alone or by their set; each once, in the order of the names.

    Raises:
        DataError: there is no such data set.
    """
    return list(dict.fromkeys(member for name in names for member in _members(name)))


def find_set(member: Member) -> DataSet:
    """The set that a member belongs to."""
    return next(found for found in DATA_SETS if member in found.members)


def _members(name: str) -> list[Member]:
    members = [
        member for found in DATA_SETS for member in found.members if name.rstrip("/") in (found.name, member.name)
    ]
    if not members:
        raise DataError(f"there is no data set {name!r}.{nearest(name, known_names())}")
    return members
