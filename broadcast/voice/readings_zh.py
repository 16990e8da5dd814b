"""Names of signs, units and letters in Mandarin: the tables of `normalise.py`."""

# Characters that sound like the letter: a Mandarin voice reads Latin letters as pinyin.
LETTERS = {
    "A": "诶",
    "B": "必",
    "C": "西",
    "D": "弟",
    "E": "伊",
    "F": "艾弗",
    "G": "记",
    "H": "艾尺",
    "I": "爱",
    "J": "杰",
    "K": "开",
    "L": "艾勒",
    "M": "艾姆",
    "N": "恩",
    "O": "欧",
    "P": "劈",
    "Q": "扣",
    "R": "阿儿",
    "S": "艾丝",
    "T": "踢",
    "U": "优",
    "V": "维",
    "W": "达不溜",
    "X": "艾克斯",
    "Y": "歪",
    "Z": "贼",
}

# English words that people here do not say letter by letter.
WORDS = {
    "wifi": "无线网",
    "wi-fi": "无线网",
    "no": "第",
    "pm2.5": "劈艾姆二点五",
    "pm10": "劈艾姆十",
    "covid-19": "新冠",
    "co": "一氧化碳",
    "co2": "二氧化碳",
    "app": "诶劈劈",
    "ok": "欧开",
    "vs": "对",
}

# Gases that detectors name by their formula.
FORMULAS = {
    "CH4": "甲烷",
    "H2S": "硫化氢",
    "SO2": "二氧化硫",
    "NO2": "二氧化氮",
    "NH3": "氨气",
    "O2": "氧气",
    "O3": "臭氧",
}

# After NFKC: ³ is 3, ℃ is °C, µ is μ. A letter's case matters: mA, MA. UCUM's codes are included:
# rules and linkages name a point's unit by them.
UNITS = {
    "kWh": "千瓦时",
    "kW.h": "千瓦时",
    "kW·h": "千瓦时",
    "MW.h": "兆瓦时",
    "W.h": "瓦时",
    "Wh": "瓦时",
    "V.A": "伏安",
    "VA": "伏安",
    "kV.A": "千伏安",
    "kVA": "千伏安",
    "MV.A": "兆伏安",
    "kvar": "千乏",
    "kvar.h": "千乏时",
    "kvarh": "千乏时",
    "mV": "毫伏",
    "L/h": "升每小时",
    "L/s": "升每秒",
    "g/L": "克每升",
    "mg/L": "毫克每升",
    "ug/m3": "微克每立方米",
    "t/h": "吨每小时",
    "dB[mW]": "分贝毫瓦",
    "dBm": "分贝毫瓦",
    "deg": "度",
    "Ohm": "欧姆",
    "kOhm": "千欧",
    "MOhm": "兆欧",
    "bar": "巴",
    "kJ": "千焦",
    "MJ": "兆焦",
    "r/min": "转每分钟",
    "rpm": "转每分钟",
    "MWh": "兆瓦时",
    "GJ": "吉焦",
    "kW": "千瓦",
    "MW": "兆瓦",
    "W": "瓦",
    "V": "伏",
    "kV": "千伏",
    "A": "安",
    "mA": "毫安",
    "Hz": "赫兹",
    "dB": "分贝",
    "m3": "立方米",
    "m2": "平方米",
    "km2": "平方公里",
    "cm2": "平方厘米",
    "cm3": "立方厘米",
    "km": "公里",
    "m": "米",
    "cm": "厘米",
    "mm": "毫米",
    "nm": "纳米",
    "μm": "微米",
    "kg": "公斤",
    "g": "克",
    "mg": "毫克",
    "μg": "微克",
    "t": "吨",
    "L": "升",
    "l": "升",
    "mL": "毫升",
    "ml": "毫升",
    "MPa": "兆帕",
    "kPa": "千帕",
    "hPa": "百帕",
    "Pa": "帕",
    "mmHg": "毫米汞柱",
    "h": "小时",
    "min": "分钟",
    "s": "秒",
    "ms": "毫秒",
    "d": "天",
    "km/h": "公里每小时",
    "m/s": "米每秒",
    "m3/h": "立方米每小时",
    "L/min": "升每分钟",
    "μg/m3": "微克每立方米",
    "mg/m3": "毫克每立方米",
    "mmol/L": "毫摩尔每升",
    "lx": "勒克斯",
    "bpm": "次每分钟",
    "kcal": "千卡",
    "KB": "千字节",
    "MB": "兆字节",
    "GB": "吉字节",
    "TB": "太字节",
    "Mbps": "兆每秒",
    "°C": "摄氏度",
    "°F": "华氏度",
    "°": "度",
    "Ω": "欧姆",
    "kΩ": "千欧",
    "MΩ": "兆欧",
}

# Said by their names also without a number before them (用了多少kWh); shorter ones are letters.
UNITS_ALONE = (
    *("kWh", "kW.h", "kW·h", "MWh", "kW", "MW", "kVA", "kvar", "MPa", "kPa", "dB", "dBm"),
    *("m3", "m2", "km", "cm", "mm", "kg", "mL", "m3/h", "km/h", "mg/m3", "μg/m3"),
)

# Said before the number: 30 ppm are 百万分之三十.
SHARES = {
    "%": "百分之",
    "‰": "千分之",
    "ppm": "百万分之",
    "ppb": "十亿分之",
    "%LEL": "爆炸下限的百分之",
    "%RH": "相对湿度百分之",
    "%VOL": "体积百分之",
}

# Before these the number 2 is 两: 两个, 两位. (二楼, 二月, 二单元, 第二个 stay 二.)
MEASURE_WORDS = (
    "个|位|次|天|小时|分钟|秒|人|户|家|台|辆|件|条|张|块|元|米|公里|千米|吨|公斤|千克|克|升|度|周|倍|份|瓶|桶|箱|袋|"
    "包|名|遍|组|批|种|项|处|根|支|只|头|把|双|套|颗|滴|片|粒|杯|碗|顿|口|亩|斤|圈|趟|班|段|步|场|间|扇|盏|门|部|架|所|"
    "车|匹|盒|束|株|棵|堆|串|册|本|封|则|笔|轮|声|下|立方|平方|毫米|厘米|里|刻|寸|尺|年(?!级)"
)

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
PLATE_ENDS = "警学港澳挂领应急"

CURRENCIES = {"¥": "元", "$": "美元", "€": "欧元", "£": "英镑", "HK$": "港元"}

SIGNS = {
    "+": "加",
    "×": "乘",
    "÷": "除以",
    "=": "等于",
    "&": "和",
    "@": "艾特",
    "≈": "约等于",
    "°C": "摄氏度",
    "°F": "华氏度",
    "°": "度",
    "%": "百分号",
    "‰": "千分号",
    "#": "号",
    "±": "正负",
    "≥": "大于等于",
    "≤": "小于等于",
    ">": "大于",
    "<": "小于",
}

ROMAN = {chr(0x2160 + n): str(n + 1) for n in range(12)} | {
    chr(0x2170 + n): str(n + 1) for n in range(12)
}

# Levels and classes typed in letters: II级.
ROMAN_NUMERALS = {
    name: n for n, name in enumerate(("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"), 1)
}

# The pause of a sign: 、 is shorter than ，, and 。！？ end a sentence.
PAUSES = {
    **{mark: mark for mark in "、，：；。？！"},
    ",": "，",
    ";": "；",
    ":": "：",
    "!": "！",
    "?": "？",
    ".": "。",
    "。": "。",
    "、": "、",
    "(": "，",
    ")": "，",
    "[": "，",
    "]": "，",
    "{": "，",
    "}": "，",
    "【": "，",
    "】": "，",
    "〔": "，",
    "〕": "，",
    "|": "，",
    "/": "，",
    "\\": "，",
    "—": "，",
    "–": "，",
    "-": "，",
    "~": "，",
    "·": "，",
    "•": "，",
    "*": "，",
    "\n": "。",
    "…": "，",
    "_": "，",
}

# Of several adjacent signs the strongest is kept.
STRENGTH = "、，：；。？！"
