"""Values of the slots as English writers put them."""

import unicodedata

from . import pii_numbers as numbers
from .pii_values import Values

MONTHS = ("Jan", "Feb", "March", "April", "May", "June", "July", "August", "Sept", "Oct", "Nov", "Dec")
US_STREETS = (
    "Street",
    "St",
    "St.",
    "Avenue",
    "Ave",
    "Ave.",
    "Road",
    "Rd",
    "Drive",
    "Dr",
    "Lane",
    "Ln",
    "Blvd",
    "Court",
)
UK_STREETS = ("Road", "Rd", "Street", "Lane", "Close", "Avenue", "Crescent", "Terrace", "Gardens", "Grove", "Drive")
PLATE_LETTERS = "ABCDEFGHJKLMNOPRSTUVWXY"


class English(Values):
    """Values as English writers put them."""

    def name_pii(self, variant: str) -> str:
        given = self.listed(
            {"man": "given_men", "woman": "given_women"}.get(variant) or self.rng.choice(["given_men", "given_women"])
        )
        family = self.listed("family")
        if variant == "last":
            return family
        if variant in {"first", "man", "woman"}:
            return given
        middle = self.rng.random()
        if middle < 0.08:
            return f"{given} {self.letters(1)}. {family}"
        return given if middle > 0.9 else f"{given} {family}"

    def local(self) -> str:
        given, family = (
            self.ascii(self.listed(self.rng.choice(["given_men", "given_women"]))),
            self.ascii(self.listed("family")),
        )
        separator, year = (
            self.rng.choice([".", "_", "", "-"]),
            self.rng.choice(["", "", str(self.number(1, 99)), str(self.number(1960, 2006))]),
        )
        return self.rng.choice(
            [f"{given}{separator}{family}{year}", f"{given[0]}{family}{year}", f"{family}.{given[0]}", f"{given}{year}"]
        )

    def ascii(self, name: str) -> str:
        plain = unicodedata.normalize("NFKD", name.replace("ł", "l")).encode("ascii", "ignore").decode().lower()
        return "".join(filter(str.isalnum, plain))

    def email_pii(self) -> str:
        tag = self.rng.choice(["+shop", "+orders", "+news"]) if self.rng.random() < 0.07 else ""
        whole = f"{self.local()}{tag}@{self.listed('mail_domain')}"
        drawn = self.rng.random()
        return whole.upper() if drawn < 0.04 else whole.capitalize() if drawn < 0.1 else whole

    def phone_pii(self, variant: str = "") -> str:
        return numbers.telephone(self.rng, abroad=variant == "intl")

    def plate_pii(self, variant: str) -> str:
        if variant == "us":
            short, long = self.letters(3, PLATE_LETTERS), numbers.digits(self.rng, 4)
            return self.rng.choice(
                [f"{short}-{long}", f"{short} {long}", f"{self.number(2, 9)}{short}{long[:3]}", f"{short}{long}"]
            )
        area, end = self.letters(2, PLATE_LETTERS), self.letters(3, PLATE_LETTERS)
        age = self.rng.choice([*range(10, 25), *range(60, 75)])
        blank = self.rng.choice([" ", " ", ""])
        return (
            f"{area}{age}{blank}{end}"
            if self.rng.random() < 0.85
            else f"{self.letters(1, 'PRSTVWXY')}{self.number(21, 899)}{blank}{end}"
        )

    def address(self, *, lines: bool = False) -> str:
        parts = self.rng.choices([self.american, self.british, self.other, self.chinese], [45, 35, 15, 5])[0]()
        return ("\n" if lines else ", ").join(parts)

    def american(self) -> list[str]:
        town = f"{self.listed('us_towns')}{self.number(10, 99)}"
        if self.rng.random() < 0.04:
            return [f"PO Box {self.number(100, 9999)}", town]
        front = self.rng.choice(["", "", "", "", "N ", "West ", "SE "])
        street = f"{self.number(3, 9899)} {front}{self.listed('street')} {self.rng.choice(US_STREETS)}"
        unit = self.rng.choice(
            [
                f"Apt {self.number(1, 40)}{self.letters(1, 'ABCD')}",
                f"Unit {self.number(1, 300)}",
                f"#{self.number(2, 90)}",
                f"Suite {self.number(100, 900)}",
            ]
        )
        parts = [street, unit, town] if self.rng.random() < 0.3 else [street, town]
        drawn = self.rng.random()
        return (
            parts[:-1]
            if drawn < 0.12
            else [*parts, self.rng.choice(["USA", "United States"])]
            if drawn < 0.22
            else parts
        )

    def british(self) -> list[str]:
        door = f"{self.number(1, 240)}{self.rng.choice(['', '', '', 'A', 'b'])}"
        street = f"{door} {self.listed('street')} {self.rng.choice(UK_STREETS)}"
        town, _, outward = self.listed("uk_towns").rpartition(" ")
        postcode = f"{outward} {self.number(1, 9)}{self.letters(2, 'ABDEFGHJLNPQRSTUWXYZ')}"
        end = [f"{town} {postcode}"] if self.rng.random() < 0.6 else [town, postcode]
        flat = (
            [self.rng.choice([f"Flat {self.number(1, 60)}", f"Flat {self.letters(1, 'ABCD')}"])]
            if self.rng.random() < 0.25
            else []
        )
        country = [self.rng.choice(["UK", "United Kingdom"])] if self.rng.random() < 0.1 else []
        return [*flat, street] if self.rng.random() < 0.1 else [*flat, street, *end, *country]

    def other(self) -> list[str]:
        code, town = self.listed("other_towns").split("|")
        names = {
            "AU": "Australia",
            "CA": "Canada",
            "IE": "Ireland",
            "NZ": "New Zealand",
            "ZA": "South Africa",
            "IN": "India",
        }
        street = f"{self.number(1, 400)} {self.listed('street')} {self.rng.choice(UK_STREETS[:5])}"
        unit = [f"Unit {self.number(1, 30)}"] if self.rng.random() < 0.2 else []
        return [*unit, street, *town.split(", "), *([names[code]] if self.rng.random() < 0.6 else [])]

    def chinese(self) -> list[str]:
        room = [f"Room {self.number(101, 2804)}"] if self.rng.random() < 0.5 else []
        return [*room, f"No. {self.number(1, 800)} {self.listed('chinese_roads')} {self.number(1000, 7400)}00", "China"]

    def price(self) -> str:
        amount = f"{self.number(3, 480)}.{self.rng.choice(['99', '00', '50', '49', '95'])}"
        return self.rng.choice(
            [
                f"${amount}",
                f"£{amount}",
                f"€{amount}",
                f"${self.number(5, 300)}",
                f"{amount} USD",
                f"$1,{self.number(100, 999)}.00",
            ]
        )

    def size(self) -> str:
        return self.rng.choice(
            ["M", "XL", "32x34", "10-12", "EU 42", "UK 9.5", "7 1/2", "34DD", "W30 L32", "140x200", "2XL", "38", "8.5"]
        )

    def dims(self) -> str:
        a, b, c = (self.number(8, 240) for _ in range(3))
        return self.rng.choice(
            [f"{a} x {b} x {c} cm", f"{a}x{b}cm", f'{a}" x {b}"', f"{a}×{b}×{c} mm", f"{a} by {b} inches"]
        )

    def pack(self) -> str:
        return self.rng.choice(
            ["3 pcs", "2 packs", "250 pieces", "a pack of 6", "12 pairs", "500 units", "4 sets", "24 boxes"]
        )

    def date(self) -> str:
        month, day, year = self.number(1, 12), self.number(1, 28), self.number(2022, 2025)
        return self.rng.choice(
            [
                f"{year}-{month:02d}-{day:02d}",
                f"{month:02d}/{day:02d}/{year}",
                f"{day} {MONTHS[month - 1]}",
                f"{MONTHS[month - 1]} {day}, {year}",
                f"{day:02d}.{month:02d}.{year}",
                f"{day}/{month}/{year % 100}",
            ]
        )

    def time(self) -> str:
        hour, minute = self.number(7, 21), self.rng.choice(["00", "15", "30", "42", "05"])
        return self.rng.choice(
            [
                f"{hour}:{minute}",
                f"{(hour - 1) % 12 + 1}:{minute} {'am' if hour < 12 else 'pm'}",
                f"{(hour - 1) % 12 + 1}{'am' if hour < 12 else 'pm'}",
            ]
        )
