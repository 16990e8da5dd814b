"""The units of points in UCUM notation, and what people write instead."""

# Those that meters and sensors of a community use; any other UCUM code is valid, too.
USUAL_UNITS: dict[str, tuple[str, str]] = {
    "kW.h": ("度（千瓦时）", "kilowatt-hour"),
    "W.h": ("瓦时", "watt-hour"),
    "MW.h": ("兆瓦时", "megawatt-hour"),
    "W": ("瓦", "watt"),
    "kW": ("千瓦", "kilowatt"),
    "V": ("伏", "volt"),
    "mV": ("毫伏", "millivolt"),
    "A": ("安", "ampere"),
    "Hz": ("赫兹", "hertz"),
    "V.A": ("伏安", "volt-ampere"),
    "kV.A": ("千伏安", "kilovolt-ampere"),
    "kvar": ("千乏", "kilovar"),
    "kvar.h": ("千乏时", "kilovar-hour"),
    "Ohm": ("欧姆", "ohm"),
    "Cel": ("摄氏度 ℃", "degree Celsius"),
    "K": ("开（温差）", "kelvin (a difference)"),
    "%": ("百分比", "per cent"),
    "m3": ("立方米", "cubic metre"),
    "L": ("升", "litre"),
    "m3/h": ("立方米每小时", "cubic metre per hour"),
    "L/h": ("升每小时", "litre per hour"),
    "m/s": ("米每秒", "metre per second"),
    "GJ": ("吉焦", "gigajoule"),
    "MPa": ("兆帕", "megapascal"),
    "kPa": ("千帕", "kilopascal"),
    "m": ("米", "metre"),
    "mm": ("毫米", "millimetre"),
    "deg": ("角度", "degree of arc"),
    "lx": ("勒克斯", "lux"),
    "dB[mW]": ("信号强度 dBm", "signal strength, dBm"),
    "[ppm]": ("百万分之一", "parts per million"),
    "ug/m3": ("微克每立方米", "microgram per cubic metre"),
    "s": ("秒", "second"),
    "min": ("分钟", "minute"),
    "h": ("小时", "hour"),
    "d": ("天", "day"),
    "1": ("没有单位：开关、次数、功率因数", "none: contacts, counts, power factors"),
}

_MEANT = {
    **dict.fromkeys(("度", "千瓦时", "kWh", "KWH", "kwh", "KWh"), "kW.h"),
    **dict.fromkeys(("Wh", "瓦时"), "W.h"),
    **dict.fromkeys(("MWh", "兆瓦时"), "MW.h"),
    "瓦": "W",
    "千瓦": "kW",
    "KW": "kW",
    "伏": "V",
    "安": "A",
    "赫兹": "Hz",
    "HZ": "Hz",
    "VA": "V.A",
    "kVA": "kV.A",
    "KVA": "kV.A",
    "kvarh": "kvar.h",
    "千乏": "kvar",
    **dict.fromkeys(("Ω", "欧姆", "ohm"), "Ohm"),
    **dict.fromkeys(("℃", "°C", "摄氏度", "degC"), "Cel"),
    **dict.fromkeys(("％", "百分比"), "%"),
    **dict.fromkeys(("m³", "㎥", "立方米", "方", "吨"), "m3"),
    **dict.fromkeys(("m³/h", "㎥/h", "立方米每小时"), "m3/h"),
    "升": "L",
    "米": "m",
    "米每秒": "m/s",
    "毫米": "mm",
    "勒克斯": "lx",
    "lux": "lx",
    **dict.fromkeys(("dBm",), "dB[mW]"),
    **dict.fromkeys(("ppm",), "[ppm]"),
    "秒": "s",
    "分钟": "min",
    "小时": "h",
    "天": "d",
    **dict.fromkeys(("μg/m³", "µg/m³", "μg/m3", "µg/m3"), "ug/m3"),
}


def intended_unit(unit: str) -> str | None:
    """The UCUM code that was probably meant; "" if unknown; None if the unit may be right.

    Only what certainly is not UCUM counts as a mistake.
    """
    meant = _MEANT.get(unit)
    return meant if meant is not None else None if unit.isascii() else ""
