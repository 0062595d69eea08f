"""Values of the slots as Chinese writers put them."""

from . import pii_numbers as numbers
from .pii_values import Values

PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


class Chinese(Values):
    """Values as Chinese writers put them."""

    def name_pii(self, variant: str) -> str:
        if self.rng.random() < 0.03:
            return self.listed("dotted_name")
        given = {"man": "given_men", "woman": "given_women"}.get(variant) or self.rng.choice(
            ["given_men", "given_women"]
        )
        return self.listed("family") + self.listed(given)

    def local(self) -> str:
        return self.listed("pinyin") + self.rng.choice(
            ["", str(self.number(1, 999)), str(self.number(1970, 2006)), f"_{self.number(10, 99)}"]
        )

    def email_pii(self) -> str:
        domain = self.listed("mail_domain")
        whole = (
            numbers.digits(self.rng, self.number(7, 10))
            if domain == "qq.com" or self.rng.random() < 0.15
            else self.local()
        )
        return f"{whole}@{domain}"

    def phone_pii(self) -> str:
        return numbers.chinese_telephone(self.rng)

    def card_pii(self) -> str:
        return numbers.card(self.rng, numbers.CHINESE_CARDS)

    def region(self) -> list[str]:
        return self.listed("region").split("|")

    def plate_pii(self, _: str) -> str:
        start = self.region()[1] + self.rng.choice("ABCDEFGH")
        dot = self.rng.choice(["", "", "·", "·", " "])
        if self.rng.random() < 0.35:
            small = self.rng.choice("DF") + self.rng.choice([self.letters(1, PLATE_LETTERS), ""])
            small += self.letters(6 - len(small), numbers.DIGITS)
            return (
                start + dot + self.rng.choice([small, small, self.letters(5, numbers.DIGITS) + self.rng.choice("DF")])
            )
        drawn = list(self.letters(5, numbers.DIGITS))
        for place in self.rng.sample(range(5), self.rng.choice([0, 1, 1, 2])):
            drawn[place] = self.rng.choice(PLATE_LETTERS)
        return start + dot + "".join(drawn)

    def address(self, *, lines: bool = False) -> str:
        province, _, _, cities = self.region()
        city, *districts = self.rng.choice(cities.split(",")).split()
        if self.rng.random() < 0.08:
            county, town, village = self.listed("county").split("|")
            return f"{county}{town}{village}{self.number(1, 12)}组{self.number(1, 90)}号"
        drawn = self.rng.random()
        top = "" if province == city or drawn < 0.45 else province if drawn < 0.85 else province.rstrip("省")
        where = f"{top}{city}{self.rng.choice(districts)}"
        if not top and drawn < 0.1:
            where = city
        return where + self.road_and_room()

    def road_and_room(self) -> str:
        road = f"{self.listed('road')}{self.number(1, 999)}号"
        tower, unit, room = self.number(1, 30), self.number(1, 4), f"{self.number(1, 28)}0{self.number(1, 6)}"
        estate = self.listed("estate")
        return self.rng.choice(
            [
                road,
                f"{road}{estate}{tower}栋{unit}单元{room}室",
                f"{road}{tower}号楼{room}室",
                f"{road}{estate}{tower}-{unit}-{room}",
                f"{self.listed('road')}{estate}{tower}栋{room}",
                f"{estate}{tower}幢{unit}单元{room}室",
                f"{road}{estate}{tower}号楼{unit}单元{room}",
            ]
        )

    def tracking(self) -> str:
        return self.rng.choice(
            [
                f"SF{numbers.digits(self.rng, 13)}",
                f"YT{numbers.digits(self.rng, 13)}",
                f"JD00{numbers.digits(self.rng, 11)}",
                numbers.serial(self.rng, 14),
                f"ZTO{numbers.digits(self.rng, 12)}",
            ]
        )

    def ean(self) -> str:
        return numbers.ean(self.rng, "69")

    def isbn(self) -> str:
        return numbers.isbn(self.rng, ["9787"])

    def order(self) -> str:
        return numbers.serial(self.rng, self.rng.choice([8, 9, 12, 16, 18, 18, 19, 19]))

    def price(self) -> str:
        amount = f"{self.number(3, 980)}.{self.rng.choice(['9', '00', '50', '8'])}"
        return self.rng.choice(
            [
                f"{amount}元",
                f"¥{amount}",
                f"￥{self.number(9, 1999)}",
                f"{self.number(9, 999)}块",
                f"{self.number(10, 99)}块9",
                f"{self.number(1, 9)},{self.number(100, 999)}元",
            ]
        )

    def size(self) -> str:
        return self.rng.choice(
            ["XL码", "42码", "175/96A", "M码", "38码半", "2XL", "均码", "165/88A", "S码", "1米8的", "32码"]
        )

    def dims(self) -> str:
        a, b, c = (self.number(8, 240) for _ in range(3))
        return self.rng.choice([f"{a}×{b}×{c}cm", f"{a}*{b}厘米", f"长{a}宽{b}高{c}", f"{a}x{b}mm", f"{a}cm×{b}cm"])

    def pack(self) -> str:
        return (
            f"{self.rng.choice([2, 3, 5, 6, 10, 12, 50, 200])}{self.rng.choice(['件', '箱', '盒', '个', '包', '双'])}"
        )

    def discount(self) -> str:
        return f"{self.rng.choice(['5', '6', '7', '7.5', '8', '8.8', '9'])}折"

    def date(self) -> str:
        month, day, year = self.number(1, 12), self.number(1, 28), self.number(2022, 2025)
        return self.rng.choice(
            [
                f"{year}年{month}月{day}日",
                f"{month}月{day}号",
                f"{year}-{month:02d}-{day:02d}",
                f"{year}/{month}/{day}",
                f"{month}.{day}",
            ]
        )

    def time(self) -> str:
        hour, minute = self.number(8, 22), self.rng.choice(["00", "15", "30", "42", "05"])
        half = "上午" if hour < 12 else "下午" if hour < 18 else "晚上"
        return self.rng.choice(
            [
                f"{hour}:{minute}",
                f"{half}{(hour - 1) % 12 + 1}点",
                f"{half}{(hour - 1) % 12 + 1}点半",
                f"{hour}点{minute}分",
            ]
        )
