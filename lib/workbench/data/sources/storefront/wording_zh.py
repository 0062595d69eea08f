"""Chinese words of the storefront: names, patterns and sentences, in the order in which `catalogue` counts them."""

CURRENCY = "CNY"
PRICE_FACTOR = 5.0  # of the price levels in `catalogue.KINDS`
PRICE_ENDING = 0.0
SPACE = ""
UTC_OFFSET_HOURS = 8
PAIR = "{}"

ATTRIBUTES = {
    "colour": "颜色", "material": "材质", "season": "季节", "sizes": "尺码", "detail": "特点", "heel": "跟高",
}  # fmt: skip
HEEL = "{}厘米"
DEPARTMENTS = {"shoes": "鞋靴", "apparel": "服装"}
GROUPS = {"women": "女士", "men": "男士", "kids": "儿童"}
GROUP_WORDS = {"women": ("女士", "女", "女款"), "men": ("男士", "男", "男款"), "kids": ("儿童", "童", "小孩")}
SEASONS = {"warm": "春夏", "cold": "秋冬", "all": "四季"}
KINDS = {
    "sneakers": ("休闲鞋", "休闲鞋", "小白鞋"),
    "ankle_boots": ("短靴", "短靴", "踝靴"),
    "t_shirts": ("T恤", "T恤", "短袖"),
    "dresses": ("连衣裙", "连衣裙", "裙子"),
    "running_shoes": ("跑步鞋", "跑步鞋", "运动鞋"),
    "jeans": ("牛仔裤", "牛仔裤", "丹宁裤"),
    "sandals": ("凉鞋", "凉鞋", "夏天鞋子"),
    "sweaters": ("毛衣", "毛衣", "针织衫"),
    "jackets": ("夹克", "夹克", "短外套"),
    "loafers": ("乐福鞋", "乐福鞋", "一脚蹬"),
    "hoodies": ("卫衣", "连帽卫衣", "帽衫"),
    "pumps": ("高跟鞋", "高跟鞋", "细跟鞋"),
    "trousers": ("长裤", "长裤", "休闲裤"),
    "shirts": ("衬衫", "衬衫", "衬衣"),
    "winter_boots": ("雪地靴", "雪地靴", "棉靴"),
    "coats": ("大衣", "大衣", "长外套"),
    "hiking_boots": ("登山鞋", "登山鞋", "徒步鞋"),
    "skirts": ("半身裙", "半身裙", "短裙"),
    "ballet_flats": ("平底鞋", "平底单鞋", "芭蕾鞋"),
    "shorts": ("短裤", "短裤", "五分裤"),
    "rain_boots": ("雨靴", "雨靴", "雨鞋"),
    "slippers": ("拖鞋", "拖鞋", "居家鞋"),
    "blouses": ("雪纺衫", "雪纺衫", "女式上衣"),
    "lace_ups": ("系带皮鞋", "系带皮鞋", "牛津鞋"),
}
"""Name in the category path, noun in titles, synonym in queries."""
COLOURS = {
    "black": "黑色", "white": "白色", "grey": "灰色", "navy": "藏青色", "sky": "天蓝色", "red": "红色",
    "burgundy": "酒红色", "pink": "粉色", "green": "墨绿色", "olive": "橄榄绿", "beige": "米色", "brown": "棕色",
    "camel": "驼色", "yellow": "黄色", "purple": "紫色", "silver": "银色",
}  # fmt: skip
MATERIALS = {
    "leather": "真皮", "suede": "绒面革", "canvas": "帆布", "mesh": "网布", "rubber": "橡胶", "felt": "毛毡",
    "wool": "羊毛", "cotton": "纯棉", "linen": "亚麻", "denim": "牛仔布", "silk": "真丝", "viscose": "粘胶纤维",
    "polyester": "聚酯纤维", "fleece": "抓绒", "down": "羽绒", "cashmere": "羊绒", "corduroy": "灯芯绒",
    "patent": "漆皮",
}  # fmt: skip
DETAILS = {
    "shoes": (
        "缓震鞋底", "宽楦", "加厚鞋领", "防滑大底", "可拆鞋垫", "手工缝线", "侧拉链", "松紧带", "加固鞋头", "撞色车线",
        "柔软内里", "足弓支撑",
    ),
    "apparel": (
        "修身版型", "宽松版型", "短款剪裁", "长款剪裁", "罗纹袖口", "隐形口袋", "撞色滚边", "褶皱设计", "立领",
        "侧边开衩", "同色纽扣", "柔软内里",
    ),
}  # fmt: skip
BRAND_PARTS = (
    ("云", "木", "青", "素", "林", "泊", "墨", "禾", "岚", "汐", "澄", "砚", "栖", "简", "予", "拾"),
    ("步屿", "汀野", "棠舟", "里程"),
)
MODEL_PARTS = (
    ("晨", "山", "星", "海", "风", "月", "雪", "竹", "松", "花", "鹿", "鹤", "溪", "桥", "夏", "秋", "暖", "清", "远",
     "初", "晚", "半", "小", "长"),
    ("雾", "岭", "野", "浪", "铃", "影", "原", "径", "涛", "信", "鸣", "羽", "石", "灯", "荫", "叶", "阳", "泉", "帆",
     "语"),
)  # fmt: skip
TITLES = (
    "{brand}{model}系列 {group}{colour}{material}{kind} {detail}",
    "{brand} {group}{kind} {model} {material} {colour} {detail}",
    "{model}·{brand}{group}{detail}{kind}({colour},{material})",
    "{brand}{group}{material}{kind} {detail} {colour} {model}款",
)
DESCRIPTIONS = (
    (
        "{model}系列把{colour}的{material}带进日常生活。",
        "{brand}精选{material}制作这款{kind}，越穿越有味道。",
        "一款带有{detail}的{kind}，适合经常穿着。",
        "{model}的设计很简单：好的{material}，耐看的轮廓，一种颜色。",
        "介于正式与随意之间，{model}几乎什么都能搭。",
        "{brand}为长时间外出的你设计了{model}。",
        "这款{kind}的{colour}采用小批量染色，颜色浓而不褪。",
        "去年首次亮相的{model}，今年带着{detail}和{colour}回归。",
    ),
    (
        "{detail}的处理十分细致，不会磨皮肤。",
        "每一道缝线都经过手工收尾。",
        "穿上几天之后，会慢慢贴合身形。",
        "搭配浅色单品，让{colour}成为亮点。",
        "{material}透气，打理起来也很省心。",
        "有了{detail}，从早到晚都舒服。",
        "尺码标准，按平时的选就好。",
        "我们在雨里、风里和拥挤的地铁里都试过。",
        "剪裁留有余量，活动自如又不显松垮。",
        "每一件都经过第二遍人工检验。",
    ),
    (
        "适合{season}穿着。",
        "{season}穿最合适，包装不用塑料。",
        "护理：湿布擦拭，阴凉处晾干。",
        "我们为{season}衣橱挑选的一款。",
        "三十天内免费退货。",
        "两年内可以订购配件。",
        "包装盒可以重复使用。",
        "陪你度过整个{season}。",
    ),
)
"""Openings, middles, endings: an opening, two middles and an ending make a description."""
QUERIES = {
    "none": ("{group}{noun}", "{noun}", "{synonym}{group}", "{noun} {group}"),
    "colour": ("{value}{noun}", "{group}{value}{noun}", "{noun} {value}", "{value}{synonym}{group}", "{value}的{noun}"),
    "material": ("{value}{noun}", "{group}{value}{noun}", "{noun} {value} {group}", "{synonym} {value}"),
    "brand": ("{value}{noun}", "{value} {noun} {group}", "{value}的{noun}", "{value} {synonym}"),
    "detail": ("{noun} {value}", "{value}的{group}{noun}", "{value}{synonym}"),
}
HOMOPHONES = {
    "靴": "薛", "裙": "群", "衫": "山", "裤": "库", "鞋": "协", "衣": "依", "恤": "续", "克": "客", "仔": "崽",
    "凉": "良", "拖": "托", "跑": "泡", "跟": "根", "色": "涩", "皮": "疲", "绒": "容", "棉": "绵", "夹": "家",
    "袖": "秀", "休": "修", "闲": "贤", "登": "灯", "雪": "血", "短": "端", "长": "常", "女": "钕", "男": "南",
    "红": "洪", "蓝": "兰", "黑": "嘿", "白": "百", "踝": "怀", "蹬": "瞪", "帽": "貌",
}  # fmt: skip
"""What a phonetic keyboard offers beside the character that was meant."""
GENDERS = ("女", "男", "未填写")
AGES = ("18-24岁", "25-34岁", "35-44岁", "45-54岁", "55-64岁", "65岁以上")
INCOMES = ("低", "中低", "中等", "中高", "高")
REGIONS = {
    "华东": ("上海", "杭州", "南京", "苏州"),
    "华北": ("北京", "天津", "石家庄"),
    "华南": ("广州", "深圳", "佛山"),
    "西南": ("成都", "重庆", "昆明"),
    "华中": ("武汉", "长沙"),
    "西北": ("西安", "兰州", "银川"),
    "东北": ("沈阳", "大连"),
    "东南": ("厦门", "福州"),
}
