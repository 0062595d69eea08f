"""What k-anonymity, l-diversity and t-closeness cost: in information, in people left out, in seconds.

Complete Journey's 801 demographics, the storefront's users, and a million people in more detail than a shop should know
(age in years, district, household), which is the harder case. What the release says of itself is measured again by
`risks`, which shares no code with what made it. A table of the generated people is half of a population that is known,
so the journalist's risk is that of being found in the population; none is published around the 801, and theirs is the
prosecutor's.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from workbench.data.sources import complete_journey, storefront
from workbench.data.sources.storefront import kinds, people
from workbench.data.sources.storefront.clock import Clock
from workbench.governance.privacy import anonymity
from workbench.governance.privacy.anonymity import Anonymised, risks
from workbench.governance.privacy.anonymity.attributes import Hierarchy

from .record import FOLDER, record

SIZES = (5, 10, 25)
LEAST, FARTHEST = 3, 0.2  # l and t, where a sensitive column is asked about
CLASSES_OF_INCOME = (
    "Under 15K", "15-24K", "25-34K", "35-49K", "50-74K", "75-99K", "100-124K", "125-149K", "150-174K", "175-199K",
    "200-249K", "250K+",
)  # fmt: skip
DISTRICTS = 30  # of a city


@dataclass(frozen=True)
class Case:
    """A table of people.

    Args:
        name: as printed.
        frame: the people of the table.
        quasi: quasi-identifiers.
        sensitive: a sensitive column and the order of its values.
        hierarchies: of the quasi-identifiers.
        population: everybody who could have been in the table, if known.

    """

    name: str
    frame: pd.DataFrame
    quasi: Sequence[str]
    sensitive: Mapping[str, Sequence[str]]
    hierarchies: Mapping[str, Hierarchy] = field(default_factory=dict)
    population: pd.DataFrame | None = None


def main() -> None:
    """Measure all cases and record the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=20270101)
    given = parser.parse_args()
    measure(given.people, given.seed)


def measure(count: int, seed: int, repeats: int = 3, bench: Path = FOLDER) -> None:
    """Print a table of each case, and record seconds and people left out."""
    small = show(groceries(), repeats)
    large = pd.concat([show(shop(count, seed), 1), show(detailed(count, seed), 1)])
    first = small[small["k"] == SIZES[0]]
    told = (
        f"nothing: loss {first['loss'].iloc[0]:.3f}, classes of {first['class'].iloc[0]:.1f} people at k = {SIZES[0]}"
    )
    record("anonymity_801_seconds", float(small["seconds"].max()), "s, slowest setting", target=1.0,
           higher_is_better=False, rival=told, folder=bench)  # fmt: skip
    record("anonymity_million_seconds", float(large["seconds"].max()), f"s, slowest, {count:,} people", target=60.0,
           higher_is_better=False, rival=f"processor: {large['processor'].max():.1f} s", folder=bench)  # fmt: skip
    every = pd.concat([small, large])
    record("anonymity_suppressed", int(every[every["k"] == SIZES[0]]["left out"].sum()), f"people at k = {SIZES[0]}",
           target=0, higher_is_better=False, rival="none allowed", folder=bench)  # fmt: skip


def show(case: Case, repeats: int) -> pd.DataFrame:
    """A row for each setting: k alone with all quasi-identifiers, then with the sensitive columns' l and t."""
    plain = [Setting(k) for k in SIZES]
    asked = [Setting(SIZES[0], LEAST, 1.0), Setting(SIZES[0], 1, FARTHEST), Setting(SIZES[0], LEAST, FARTHEST)]
    rows, losses = zip(*(row(case, each, repeats) for each in (*plain, *asked)), strict=True)
    found = pd.DataFrame(rows)
    before = risk(case, case.frame, case.quasi)
    print(f"\n{case.name}: {len(case.frame):,} people; before, prosecutor's and journalist's risk {before}")
    print(found.drop(columns="after").round(3).to_string(index=False))
    print("\nloss by column, and risks after")
    told = pd.DataFrame(losses).round(3)
    print(
        pd.concat([found[["k", "l", "t"]], told, found["after"]], axis=1).to_string(index=False, na_rep=""), flush=True
    )
    return found


@dataclass(frozen=True)
class Setting:
    """Demands."""

    k: int
    l: int = 1  # noqa: E741  (the name of the field)
    t: float = 1.0


def row(case: Case, setting: Setting, repeats: int) -> tuple[dict[str, object], dict[str, float]]:
    """What a setting cost, measured again; and the loss of each column.

    Raises:
        RuntimeError: the release is not what was asked for.

    """
    asked = setting.l > 1 or setting.t < 1
    quasi = [name for name in case.quasi if not (asked and name in case.sensitive)]
    seconds, processor = [], []
    for _ in range(repeats):
        began, worked = time.perf_counter(), time.process_time()
        found = anonymity.anonymise(
            case.frame, quasi, list(case.sensitive) if asked else [], setting.k, setting.l, setting.t,
            {**case.hierarchies, **case.sensitive},
        )  # fmt: skip
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - worked)  # what it takes where nobody else is at work
    seen = {"k seen": risks.k_of(found.frame, quasi)}
    for name, order in case.sensitive.items():
        behind = found.frame.assign(behind=case.frame[name])  # where the column is generalised too, its true values
        seen |= {"l seen": risks.l_of(behind, quasi, "behind"), "t seen": risks.t_of(behind, quasi, "behind", order)}
    if seen["k seen"] < setting.k or seen["l seen"] < setting.l or seen["t seen"] > setting.t + 1e-9:
        raise RuntimeError(f"{case.name}: asked for {setting}, and the release has {seen}")
    return {
        "k": setting.k, "l": setting.l, "t": setting.t, "seconds": median(seconds),
        "processor": median(processor), "loss": found.loss,
        "discernibility": found.discernibility, "class": found.discernibility / len(case.frame),
        "left out": len(found.suppressed), **seen, "after": risk(case, found, quasi),
    }, found.by_column  # fmt: skip


def risk(case: Case, found: Anonymised | pd.DataFrame, quasi: Sequence[str]) -> str:
    """Highest and mean risk, and the share of the people above one in five, of both attackers."""
    released = found if isinstance(found, pd.DataFrame) else found.frame
    population = case.population
    if population is not None and released is not case.frame:
        population = risks.alike(population, case.frame, released, quasi)
    both = (risks.prosecutor(released, quasi), risks.journalist(released, quasi, population))
    return "; ".join(f"{one.highest:.3f}, mean {one.mean:.4f}, high {one.high:.1%}" for one in both)


def groceries() -> Case:
    """Complete Journey's demographics, as the source declares them."""
    frame = pd.read_parquet(complete_journey.folder() / "demographics.parquet")
    declared = complete_journey.SENSITIVE
    return Case(
        "Complete Journey", frame, complete_journey.QUASI_IDENTIFIERS, dict.fromkeys(declared, CLASSES_OF_INCOME)
    )


def shop(count: int, seed: int) -> Case:
    """The storefront's own users."""
    own = kinds.words("en")
    rng = np.random.default_rng(seed)
    everybody = people.build(2 * count, len(kinds.CATEGORIES), Clock(20, 0), "en", rng).frame
    cities = {city: [region] for region, names in own.REGIONS.items() for city in names}
    frame = everybody.iloc[np.sort(rng.permutation(2 * count)[:count])]
    sensitive = dict.fromkeys(storefront.SENSITIVE, own.INCOMES)
    return Case("Storefront", frame, storefront.QUASI_IDENTIFIERS, sensitive, {"city": cities}, everybody)


def detailed(count: int, seed: int) -> Case:
    """People whom a shop knows too well: incomes rise with age and differ by city, households go by age."""
    own, n, rng = kinds.words("en"), 2 * count, np.random.default_rng(seed)
    cities = [(region, city) for region, names in own.REGIONS.items() for city in names]
    share = 1 / np.arange(1, len(cities) + 1) ** 0.7
    city = rng.choice(len(cities), n, p=share / share.sum())
    district = np.minimum(rng.geometric(0.1, n) - 1, DISTRICTS - 1)
    age = np.clip(rng.gamma(6, 5.5, n) + 16, 16, 99).astype(int)
    household = 1 + rng.poisson(np.where((age > 28) & (age < 55), 1.7, 0.6))
    income = np.clip(rng.normal(1.6 + (age - 40) / 40 + (city % 5 - 2) / 5, 1.0, n).round(), 0, len(own.INCOMES) - 1)
    names = [f"{city} {part + 1}" for _, city in cities for part in range(DISTRICTS)]
    paths = {f"{city} {part + 1}": [region, city] for region, city in cities for part in range(DISTRICTS)}
    everybody = pd.DataFrame({
        "age": pd.array(np.where(rng.random(n) < 0.03, -1, age)).astype("Int64"),
        "gender": np.array(own.GENDERS, object)[rng.choice(3, n, p=people.GENDER_SHARES)],
        "district": np.array(names, object)[city * DISTRICTS + district], "household": household,
        "income": np.array(own.INCOMES, object)[income.astype(int)],
    })  # fmt: skip
    everybody["age"] = everybody["age"].mask(everybody["age"] < 0)  # not everyone says
    frame = everybody.iloc[:count]
    quasi = ("age", "gender", "district", "household")
    return Case("In detail", frame, quasi, {"income": own.INCOMES}, {"district": paths}, everybody)


if __name__ == "__main__":
    main()
