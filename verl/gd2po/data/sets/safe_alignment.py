"""The public data sets of the helpfulness–safety task."""

from gd2po.data.published import RAW, Checksum, DataSet, Member

_GD2PO = f"{RAW}/Qwen-Applications/GD2PO/f1ad765bc9a330e6cf387f95e9c1e5a6c4bb2d02/safe-alignment/dataset"
_AMO = f"{RAW}/Artessay/Amo/6e7df0355de52af30d8934b5ca14645506dfb2db/playground/reward_model/HH-RLHF"

SAFE_ALIGNMENT = (
    DataSet(
        "alpaca",
        licence="CC-BY-NC-4.0",
        terms="CC-BY-NC-4.0, NON-COMMERCIAL USE ONLY: the licence of tatsu-lab/alpaca, where the prompts come from.",
        members=(
            Member(
                "alpaca/train", f"{_GD2PO}/alpaca_prompt_only/train.parquet",
                Checksum("sha256", "9939cc35bbf95af7a093956a49e201fd14ae7d307f98642fc9630b051f778bd0"),
                rows=51_490, purpose="training prompts", size=3_286_897,
            ),
            Member(
                "alpaca/test", f"{_GD2PO}/alpaca_prompt_only/test.parquet",
                Checksum("sha256", "c5e0535e093a7cf8e8ec0b706d4456e8b5c1610501361c3e268d4276a7e239ba"),
                rows=512, purpose="validation", size=37_009,
            ),
        ),
    ),
    DataSet(
        "hh_rlhf",
        licence="MIT",
        terms="MIT: the licence of Anthropic/hh-rlhf, where the dialogues come from. They contain offensive and "
        "harmful text.",
        members=(
            Member(
                "hh_rlhf/test", f"{_GD2PO}/anthropic_hh_rlhf/test.parquet",
                Checksum("sha256", "e9e336cd312943150fbea4175f60b434bda355c2bd02af337f3d568e0ed014f6"),
                rows=8520, purpose="validation", size=3_135_880,
            ),
            Member(
                "hh_rlhf/harmless_pairs", f"{_AMO}/hh_rlhf_harmless_test.json",
                Checksum("sha256", "847ce1e0d4d53148a72b44e2b82c59b671de373662930f551ebccba3c1f4e7bb"),
                rows=2281, purpose="reward-model pairs", size=1_236_863,
            ),
            Member(
                "hh_rlhf/helpful_pairs", f"{_AMO}/hh_rlhf_helpful_test.json",
                Checksum("sha256", "3b403f8c59a01d2ada51293f9724e9a7bdee7320e8b4841233ecde495cea5b73"),
                rows=2332, purpose="reward-model pairs", size=1_378_263,
            ),
        ),
    ),
    DataSet(
        "pku_saferlhf",
        licence="CC-BY-NC-4.0",
        terms="CC-BY-NC-4.0, NON-COMMERCIAL USE ONLY: the licence of PKU-Alignment/PKU-SafeRLHF, where the prompts "
        "come from. Many of them ask for harmful things.",
        members=(
            Member(
                "pku_saferlhf/test", f"{_GD2PO}/pku-saferlhf/test.parquet",
                Checksum("sha256", "8c9146eb21bfe208d3bfa3694b76f0bd961663b1f04cf229e057c059f37bd89b"),
                rows=8211, purpose="validation", size=549_596,
            ),
        ),
    ),
)  # fmt: skip
