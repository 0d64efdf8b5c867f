"""What dead letters say, in Chinese: the English sentences stand in the code where they are raised.

``{}`` stands for what is filled in; words of JSON's sorts in there are translated, names are not.
"""

import re

_SORTS = {
    "null": "null",
    "boolean": "布尔值",
    "string": "文本",
    "text": "文本",
    "object": "对象",
    "array": "数组",
    "number": "数字",
    "nothing": "空值",
    "id": "ID",
    "type": "类型",
    "time": "时间",
    "subject": "主体",
}

PHRASES = {
    "not declared": "未声明",
    "no mapping": "没有映射",
    "a JSON object is wanted": "需要 JSON 对象",
    "a number is wanted, this is a {}": "需要数字，此处为{}",
    "a text is wanted, this is a {}": "需要文本，此处为{}",
    "a whole number of at most {} digits is wanted": "需要最多 {} 位的整数",
    "a whole number is wanted, this has a fraction": "需要整数，此处有小数部分",
    "at most {} digits before the point": "小数点前最多 {} 位",
    "at most {} digits after the point": "小数点后最多 {} 位",
    "at most 64 bits": "最多 64 位二进制",
    "at most {} rows in a slice": "一个切片最多 {} 行",
    "at most {} characters": "最多 {} 个字符",
    "a text like {} is wanted": "需要形如 {} 的文本",
    "a number like {} is wanted": "需要形如 {} 的数字",
    "an IANA zone such as Europe/Berlin is wanted": "需要 IANA 时区名，例如 Asia/Shanghai",
    "there is no such date and time": "不存在该日期时间",
    "years from {} to {} are taken": "只接受 {} 至 {} 年",
    "the id is an empty text": "ID 为空文本",
    "an id has at most {} characters": "ID 最多 {} 个字符",
    "a key of at most {} characters": "键最多 {} 个字符",
    "the field {} is required": "字段 {} 为必填",
    "every event needs its {}": "每个事件都需要{}",
    "an ISO 4217 code such as CNY is wanted": "需要 ISO 4217 代码，例如 CNY",
    "a rate of {} or before it is wanted": "需要 {} 当日或之前的汇率",
    "a budget rate in the metric {} is wanted": "指标 {} 需要预算汇率",
    "at most {} hours after its acceptance": "最多晚于接收时间 {} 小时",
    "at most {} days before its acceptance": "最多早于接收时间 {} 天",
    "a field that the mapping names is wanted": "需要映射中列出的字段",
    "more is done than adding": "不只是相加",
    "the mapping skips it": "映射将其跳过",
    "the source's contribution is named by it": "数据源的 contribution 以它命名",
    "a number of parts from 1 to {} is wanted": "需要 1 到 {} 之间的部分数",
    "minor units need an ISO 4217 currency ({})": "最小货币单位需要 ISO 4217 币种（{}）",
    "a text that holds JSON is wanted, this is a {}": "需要内容为 JSON 的文本，此处为{}",
    "the text is no JSON: {}": "该文本不是 JSON：{}",
    "a list is wanted, this is a {}": "需要列表，此处为{}",
    "nested too deep": "嵌套过深",
    "it takes more than {} steps": "校验超过 {} 步",
    "the schema does not end on this event": "schema 对该事件的校验不会结束",
    "a whole number of {} since 1970 is wanted": "需要自 1970 年起的整数（{}）",
    "a date like {} is wanted": "需要形如 {} 的日期",
    "a date with its hour like 2026-11-10 09 is wanted": "需要带小时的日期，例如 2026-11-10 09",
    "two dates like 2026-11-10..2026-11-10 are wanted": "需要两个日期，例如 2026-11-10..2026-11-10",
    "{} days from {} on": "自 {1} 起共 {0} 天",
    "a date, midnight in UTC, is wanted": "需要日期（UTC 零点）",
    "there is no such date": "不存在该日期",
    "there are more values than the body has bytes for": "值的数量超过正文字节所能容纳",
    "{} bytes are wanted, {} are left": "需要 {} 字节，只剩 {} 字节",
    "the body ends inside of a number": "正文在数字中间结束",
    "a number has more than {} bits": "数字超过 {} 位二进制",
    "a boolean is neither 0 nor 1": "布尔值既不是 0 也不是 1",
    "NaN and infinity are no numbers": "NaN 和无穷大不是数字",
    "a text is not valid UTF-8": "文本不是有效的 UTF-8",
    "there are {} symbols, this is number {}": "共有 {} 个枚举值，此处为第 {} 个",
    "there are {} branches, this is number {}": "共有 {} 个分支，此处为第 {} 个",
    "a key stands twice in a map": "map 中同一键出现两次",
    "{} bytes are left behind the record": "记录之后还有 {} 字节",
    "a decimal has 1 to {} bytes, this has {}": "decimal 为 1 至 {} 字节，此处为 {} 字节",
    "a time of day lies within 24 hours": "一天中的时间应在 24 小时以内",
    "an Avro schema in JSON is wanted": "需要 JSON 写成的 Avro schema",
    "the type {} is named and not there": "类型 {} 被引用但不存在",
    "Avro is wanted, this is {}": "需要 Avro，此处为 {}",
    "no schema has this number": "没有该编号的 schema",
    "the schema's reference {} is not there": "该 schema 的引用 {} 不存在",
    "at most {} references are followed": "最多跟随 {} 个引用",
    "{} is wanted, this is a {}": "需要 {}，此处为{}",  # of a schema; the last, as it is the widest
    "{} of the last {} records were bad": "最近 {1} 条记录中有 {0} 条有误",
}


_LONGEST = 300


def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile("(.+)".join(re.escape(part) for part in phrase.split("{}")), re.DOTALL)


_PATTERNS = [(_pattern(en), zh) for en, zh in PHRASES.items()]


def in_chinese(text: str) -> str | None:
    """Return a sentence of a dead letter in Chinese, None if nobody has said how."""
    if len(text) > _LONGEST:
        return None
    for pattern, zh in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            return zh.format(*(_SORTS.get(part, part) for part in found.groups()))
    return None


def sort_in_chinese(sort: str) -> str:
    """Return the word for a sort of value; anything else stays."""
    return _SORTS.get(sort, sort)
