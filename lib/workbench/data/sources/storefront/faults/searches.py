"""Planted faults of searches: what stands in the query beside what a shopper typed."""

from collections.abc import Callable
from urllib.parse import quote, quote_plus

from workbench.data.sources.storefront.faults.lists import again, shown
from workbench.data.sources.storefront.faults.shop import Shop, chinese, fault


def _rewrite(shop: Shop, change: Callable[[str], str]) -> None:
    """Change the query in all events of one list, so that the list still agrees with itself."""
    seen, rest = shown(shop, least=1, query=True)
    query = change(str(shop.get("events", seen[0], "query")))
    for row in seen + [row for row in rest if shop.has("events", "query")[row]]:
        shop.edit("events", row, query=query)


@fault("events", "usability")
def query_url_encoded(shop: Shop) -> None:
    """The query is still a part of an address: with %20 or + for spaces, bytes in percent, other parameters."""

    def encoded(query: str) -> str:
        parts = [quote(query), quote_plus(query), f"q={quote_plus(query)}&sort=price&page=2", quote(quote(query))]
        return shop.turn([part for part in parts if part != query])

    _rewrite(shop, encoded)


@fault("events", "usability")
def query_pasted(shop: Shop) -> None:
    """A whole paragraph was pasted into the search box: a query many times as long as any other."""
    texts = [text for text in shop.array("items", "description") if isinstance(text, str) and text]

    def pasted(query: str) -> str:
        text = query
        while len(text) < (120 if chinese(query) else 320):
            text += " " + (shop.pick(texts) if texts else query)
        return text

    _rewrite(shop, pasted)


@fault("events", "accuracy")
def query_keystrokes(shop: Shop) -> None:
    """Search as you type was logged as searches: requests within a second, each query the start of the next."""
    seen, _ = shown(shop, least=2, query=True, test=lambda row: len(str(shop.get("events", row, "query"))) >= 3)
    query = str(shop.get("events", seen[0], "query"))
    ends = list(range(len(query) - 1, 0, -shop.turn([1, 2, 1])))[:6]
    for back, end in enumerate(ends, 1):
        request = shop.fresh("request_id")
        again(shop, seen[:5], -back * shop.between(0.16, 0.19), query=query[:end], request_id=request)
