"""English words of the storefront: names, patterns and sentences, in the order in which `catalogue` counts them."""

CURRENCY = "GBP"
PRICE_FACTOR = 1.0  # of the price levels in `catalogue.KINDS`
PRICE_ENDING = 0.05  # a price is whole pounds less this
SPACE = " "  # between sentences
UTC_OFFSET_HOURS = 0
PAIR = "pair of {}"  # a noun in the plural, where a sentence needs one thing

ATTRIBUTES = {
    "colour": "colour", "material": "material", "season": "season", "sizes": "sizes", "detail": "detail",
    "heel": "heel",
}  # fmt: skip
HEEL = "{} cm"
DEPARTMENTS = {"shoes": "Shoes", "apparel": "Apparel"}
GROUPS = {"women": "Women", "men": "Men", "kids": "Kids"}
GROUP_WORDS = {"women": ("women's", "ladies", "womens"), "men": ("men's", "mens", "gents"),
               "kids": ("kids'", "childrens", "kids")}  # fmt: skip
SEASONS = {"warm": "spring/summer", "cold": "autumn/winter", "all": "any season"}
KINDS = {
    "sneakers": ("Sneakers", "sneakers", "trainers"),
    "ankle_boots": ("Ankle boots", "ankle boots", "booties"),
    "t_shirts": ("T-shirts", "T-shirt", "tee"),
    "dresses": ("Dresses", "dress", "frock"),
    "running_shoes": ("Running shoes", "running shoes", "jogging shoes"),
    "jeans": ("Jeans", "jeans", "denim trousers"),
    "sandals": ("Sandals", "sandals", "summer shoes"),
    "sweaters": ("Sweaters", "sweater", "jumper"),
    "jackets": ("Jackets", "jacket", "short coat"),
    "loafers": ("Loafers", "loafers", "slip-on shoes"),
    "hoodies": ("Hoodies", "hoodie", "hooded top"),
    "pumps": ("Pumps", "pumps", "high heels"),
    "trousers": ("Trousers", "trousers", "pants"),
    "shirts": ("Shirts", "shirt", "button-up"),
    "winter_boots": ("Winter boots", "winter boots", "snow boots"),
    "coats": ("Coats", "coat", "overcoat"),
    "hiking_boots": ("Hiking boots", "hiking boots", "walking boots"),
    "skirts": ("Skirts", "skirt", "midi skirt"),
    "ballet_flats": ("Ballet flats", "ballet flats", "ballerinas"),
    "shorts": ("Shorts", "shorts", "short pants"),
    "rain_boots": ("Rain boots", "rain boots", "wellies"),
    "slippers": ("Slippers", "slippers", "house shoes"),
    "blouses": ("Blouses", "blouse", "dressy top"),
    "lace_ups": ("Lace-ups", "lace-up shoes", "oxfords"),
}
"""Name in the category path, noun in titles, synonym in queries."""
COLOURS = {
    "black": "black", "white": "white", "grey": "grey", "navy": "navy", "sky": "sky blue", "red": "red",
    "burgundy": "burgundy", "pink": "pink", "green": "dark green", "olive": "olive", "beige": "beige",
    "brown": "brown", "camel": "camel", "yellow": "yellow", "purple": "purple", "silver": "silver",
}  # fmt: skip
MATERIALS = {
    "leather": "leather", "suede": "suede", "canvas": "canvas", "mesh": "mesh", "rubber": "rubber", "felt": "felt",
    "wool": "wool", "cotton": "cotton", "linen": "linen", "denim": "denim", "silk": "silk", "viscose": "viscose",
    "polyester": "polyester", "fleece": "fleece", "down": "down-filled", "cashmere": "cashmere",
    "corduroy": "corduroy", "patent": "patent leather",
}  # fmt: skip
DETAILS = {
    "shoes": (
        "cushioned sole", "wide fit", "padded collar", "non-slip sole", "removable insole", "stitched welt",
        "side zip", "elastic inserts", "reinforced toe", "contrast stitching", "soft lining", "arch support",
    ),
    "apparel": (
        "slim fit", "relaxed fit", "cropped cut", "long cut", "ribbed cuffs", "hidden pockets", "contrast trim",
        "pleated front", "raised collar", "side slits", "tonal buttons", "soft lining",
    ),
}  # fmt: skip
BRAND_PARTS = (
    ("Nor", "Tol", "Bri", "Cal", "Ves", "Mar", "Hol", "Eld", "Fen", "Gar", "Lin", "Ost", "Pel", "Quil", "Ros", "Sel"),
    ("vane", "dorn", "wick", "quist"),
)
MODEL_PARTS = (
    ("Mi", "Ta", "Lo", "Sa", "Be", "Ka", "Ru", "No", "Fi", "Ze", "Pa", "Do", "Vi", "Ha", "Ju", "Co", "Ly", "Ar", "Em",
     "Is", "Ol", "Wen", "Tri", "Gra"),
    ("rel", "vo", "dina", "mond", "lia", "sko", "nda", "reth", "bel", "zan", "mira", "ton", "phie", "gard", "lune",
     "cky", "ster", "nova", "quin", "dell"),
)  # fmt: skip
TITLES = (
    "{brand} {model} {group} {material} {kind} in {colour}, {detail}",
    "{brand} {group} {kind} {model}, {colour} {material}, {detail}",
    "{model} by {brand}: {group} {kind} with {detail}, {material}, {colour}",
    "{brand} {model}, {colour} {group} {kind} in {material} with {detail}",
)
DESCRIPTIONS = (
    (
        "The {model} brings {colour} {material} into everyday life.",
        "{brand} cut this {kind} from {material} chosen for how it ages.",
        "A {kind} with {detail}, made to be worn often.",
        "We kept the {model} plain: good {material}, an honest shape, one colour.",
        "Somewhere between smart and easy, the {model} goes with most of what you own.",
        "{brand} drew the {model} for long days away from home.",
        "The {colour} of this {kind} is dyed in small lots and stays deep.",
        "First shown last year, the {model} returns in {colour} with {detail}.",
    ),
    (
        "The {detail} is worked in so that nothing rubs.",
        "Every seam is closed by hand before it leaves the workshop.",
        "It takes on the shape of its wearer after a few days.",
        "Wear it with something light and let the {colour} speak.",
        "Its {material} breathes and needs little care.",
        "Thanks to the {detail} it sits well from morning to night.",
        "Sizes run true, so take the one you always take.",
        "We tried it in rain, wind and crowded trains.",
        "The cut leaves room to move without looking loose.",
        "A second pair of hands checks each piece for flaws.",
    ),
    (
        "Made for {season}.",
        "Best in {season}, and packed without plastic.",
        "Care: wipe with a damp cloth, dry in the shade.",
        "Our pick for {season} wardrobes.",
        "Returns are free for thirty days.",
        "Spare parts can be ordered for two years.",
        "Delivered in a box that you can use again.",
        "Works through {season} and looks better for it.",
    ),
)
"""Openings, middles, endings: an opening, two middles and an ending make a description."""
QUERIES = {
    "none": ("{group} {noun}", "{noun}", "{group} {synonym}", "{synonym} {group}"),
    "colour": (
        "{value} {noun}", "{group} {value} {noun}", "{noun} {value}", "{value} {synonym} {group}", "{noun} in {value}",
    ),
    "material": ("{value} {noun}", "{group} {value} {noun}", "{noun} {value} {group}", "{synonym} {value}"),
    "brand": ("{value} {noun}", "{value} {noun} {group}", "{noun} by {value}", "{value} {synonym}"),
    "detail": ("{noun} {value}", "{group} {noun} with {value}", "{value} {synonym}"),
}  # fmt: skip
HOMOPHONES: dict[str, str] = {}
GENDERS = ("female", "male", "not stated")
AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
INCOMES = ("low", "lower middle", "middle", "upper middle", "high")
REGIONS = {
    "London": ("Camden", "Croydon", "Greenwich", "Hackney"),
    "North West": ("Manchester", "Liverpool", "Preston"),
    "Yorkshire": ("Leeds", "Sheffield", "York"),
    "South West": ("Bristol", "Exeter", "Bath"),
    "West Midlands": ("Birmingham", "Coventry"),
    "Scotland": ("Edinburgh", "Glasgow", "Aberdeen"),
    "Wales": ("Cardiff", "Swansea"),
    "Northern Ireland": ("Belfast", "Derry"),
}
