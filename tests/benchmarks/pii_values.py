"""Values for the slots of the labelled texts: personal data, and what resembles it in a shop.

A slot in capitals is personal data of that kind, with a variant after a dot; one in small letters is not. The lists
are those of one half.
"""

from abc import ABC, abstractmethod
from random import Random

from . import pii_numbers as numbers
from .pii_lists import Half, Language, words

ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Values(ABC):
    """Draws values of one language and half."""

    def __init__(self, rng: Random, language: Language, half: Half):
        self.rng, self.language, self.lists = rng, language, words(language, half)
        self.prefixes = [prefix for row in words("zh", half)["region"] for prefix in row.split("|")[2].split()]

    def draw(self, slot: str, *, lines: bool = False) -> str:
        """The value of a slot; an address over several lines only where they are asked for."""
        name, _, variant = slot.partition(".")
        if name == "ADDRESS":
            return self.address(lines=lines and variant != "line" and self.rng.random() < 0.25)
        if variant or name in {"NAME", "PLATE"}:
            return getattr(self, name.lower() + "_pii")(variant)
        return getattr(self, name.lower() + "_pii" if name.isupper() else name, lambda: self.listed(name))()

    def listed(self, section: str) -> str:
        """One of a list."""
        return self.rng.choice(self.lists[section])

    def number(self, low: int, high: int) -> int:
        """Between the two, both included."""
        return self.rng.randint(low, high)

    def letters(self, count: int, of: str = numbers.LETTERS) -> str:
        """So many letters."""
        return "".join(self.rng.choices(of, k=count))

    @abstractmethod
    def local(self) -> str:
        """What stands before the @ of an address, or a user's name."""

    @abstractmethod
    def address(self, *, lines: bool = False) -> str:
        """A postal address."""

    # ---- personal data

    def card_pii(self) -> str:
        return numbers.card(self.rng, numbers.CARDS)

    def iban_pii(self) -> str:
        return numbers.iban(self.rng)

    def ip_pii(self) -> str:
        return numbers.ip(self.rng)

    def id_pii(self) -> str:
        return numbers.resident(self.rng, self.prefixes)

    def url_pii(self) -> str:
        host, secret = self.listed("host"), self.letters(self.number(10, 28), ALPHABET)
        user, password = (
            self.local(),
            self.letters(self.number(6, 10), ALPHABET) + self.rng.choice(["", "!", "7", "_x"]),
        )
        start = self.rng.choice(["https://", "https://", "http://", ""])
        path = self.rng.choice(["account", "reset", "u/login", "dl/file.pdf", "api/v2/items", "share", "m/verify", ""])
        more = self.rng.choice(["", "", "&lang=en", "&utm_source=mail", "&step=2"])
        return self.rng.choice(
            [
                f"{self.rng.choice(['https', 'http', 'ftp'])}://{user}:{password}@{host}/{path}",
                f"https://{user}:{password.strip('!')}@{host}",
                f"{start}{host}/{path}?token={secret}{more}",
                f"{start}{host}/{path}?access_token={secret}",
                f"{start}{host}/{path}?id={self.number(100, 99999)}&token={secret}",
                f"{start}{host}/{path}?user={user}&password={password.strip('!')}{more}",
                f"{start}{host}/login?u={user}&pwd={password.strip('!')}",
            ]
        )

    # ---- what resembles it

    def order(self) -> str:
        return self.rng.choice(
            [
                f"#{numbers.digits(self.rng, 7)}",
                numbers.serial(self.rng, self.number(7, 9)),
                f"ORD-{self.number(2022, 2025)}-{numbers.digits(self.rng, 6)}",
                f"W{numbers.digits(self.rng, 9)}",
                numbers.in_parts(self.rng, (3, 7, 7)),
                numbers.serial(self.rng, 12),
                f"{self.letters(2)}{numbers.digits(self.rng, 8)}",
                f"#{numbers.digits(self.rng, 5)}",
                numbers.serial(self.rng, 14),
                numbers.serial(self.rng, 16),
                f"10{numbers.digits(self.rng, 8)}",
            ]
        )

    def tracking(self) -> str:
        return self.rng.choice(
            [
                f"1Z{self.letters(3)}{numbers.digits(self.rng, 13)}",
                numbers.serial(self.rng, 12),
                f"{self.letters(2)}{numbers.digits(self.rng, 9)}GB",
                f"JD{numbers.digits(self.rng, 16)}",
                f"94{numbers.digits(self.rng, 20)}",
                f"TBA{numbers.digits(self.rng, 12)}",
                numbers.serial(self.rng, 14),
            ]
        )

    def sku(self) -> str:
        return self.rng.choice(
            [
                f"{self.letters(3)}-{self.number(100, 9999)}-{self.letters(2)}",
                f"{self.letters(2)}{self.number(10000, 99999)}",
                f"{self.number(100, 999)}.{self.number(100, 999)}.{self.number(10, 99)}",
                f"{self.number(100000, 999999)}-0{self.number(1, 9)}",
            ]
        )

    def model(self) -> str:
        return self.rng.choice(
            [
                f"{self.letters(2)}-{self.number(100, 9900)}{self.letters(1)}",
                f"{self.letters(1)}{self.number(10, 99)} Pro",
                f"WH-{self.number(1000, 9999)}XM{self.number(2, 6)}",
                f"{self.letters(3)}{self.number(100, 999)}/{self.number(10, 99)}",
                f"{self.letters(2)}{self.number(10, 99)}{self.letters(3)}{self.number(1000, 9999)}{self.letters(1)}",
            ]
        )

    def ratio(self) -> str:
        return self.rng.choice(["16:9", "4:3", "1:10", "2:1", "1:500", "21:9", "3:2", "1:64", "5:1"])

    def version(self) -> str:
        parts = [self.number(1, 22), self.number(0, 30), self.number(0, 255), self.number(0, 255)]
        dotted = ".".join(map(str, parts[: self.rng.choice([3, 4, 4])]))
        return self.rng.choice(
            [f"{self.listed('software')} {dotted}", f"v{dotted}", f"{self.listed('software')} v{dotted}"]
        )

    def ean(self) -> str:
        return numbers.ean(self.rng)

    def isbn(self) -> str:
        return numbers.isbn(self.rng)

    def cardlike(self) -> str:
        return numbers.not_card(self.rng)

    def idlike(self) -> str:
        return numbers.resident(self.rng, self.prefixes, right=False)

    def codeword(self) -> str:
        return self.listed("coupon_word")

    def code(self) -> str:
        if self.rng.random() < 0.6:
            return numbers.iban(self.rng, right=False).replace(" ", "")
        return f"{self.letters(4)}-{self.letters(4, numbers.DIGITS)}-{self.letters(4)}"

    def url(self) -> str:
        query = self.rng.choice(
            ["", "", "?color=red&size=M", "?utm_source=mail", "?page=2", "?ref=home", "?sort=price_asc"]
        )
        path = self.rng.choice(["item", "p", "sale/item", "products", "shop/c", "list"])
        start = self.rng.choice(["https://", "http://", "", "https://"])
        return f"{start}{self.listed('host')}/{path}/{self.number(1000, 999999)}{query}"

    def qty(self) -> str:
        return str(self.rng.choice([2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 30, 45]))

    def percent(self) -> str:
        return self.rng.choice([f"{self.number(5, 99)}%", f"{self.number(5, 99)} %", f"{self.number(1, 9)}.5%"])

    def year(self) -> str:
        return str(self.number(2022, 2025))
