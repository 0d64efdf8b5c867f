"""Numbers kept by hand, and files of them."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    # Numbers kept by hand
    "numbers.title": ("Enter a number", "填写数值"),
    "numbers.intro": (
        "For numbers that no system sends. What you enter counts within seconds, under your name.",
        "用于没有系统上报的数值。填写后数秒内计入，并记录您的姓名。",
    ),
    "numbers.file": ("Load a CSV instead", "改为载入 CSV"),
    "numbers.choose": ("Choose", "选择"),
    "numbers.save": ("Save the number", "保存数值"),
    "numbers.value.help": (
        "The day's whole number, also when you correct it; not the difference.",
        "填写当天的完整数值；更正时也填新的完整数值，而非差额。",
    ),
    "numbers.evidence.help": (
        "A link or a report that shows it. It is kept beside the number with your name, {name}.",
        "可证明该数值的链接或报告，将与您的姓名（{name}）一起保存。",
    ),
    "numbers.counted": ("{day}: {value} {unit} counts now.", "{day}：{value} {unit} 已计入。"),
    "numbers.before": ("It was {value} before.", "此前为 {value}。"),
    "numbers.same": ("That is the number that stands already.", "该数值与现有数值相同，无需更改。"),
    "numbers.superseded": (
        "{author} changed this number at the same time: it is {value} now. Yours was not taken; "
        "look at it and enter it again if you still want to.",
        "{author} 同时修改了该数值，现为 {value}。您的修改未被采用；请核对后如有需要再次填写。",
    ),
    "numbers.open": (
        "The number was accepted but does not count yet. Open this page again in a moment.",
        "数值已接收但尚未计入，请稍后重新打开本页。",
    ),
    "numbers.recent": ("What stands", "现有数值"),
    "numbers.recent.caption": ("{metric}, the last 30 days", "{metric}，最近 30 天"),
    "numbers.by": ("By", "填写人"),
    "numbers.by-hand": ("by hand", "手工"),
    "numbers.when": ("Entered", "填写时间"),
    "numbers.revision": ("revision {number}", "第 {number} 版"),
    "numbers.none": ("No number in the last 30 days.", "最近 30 天没有数值。"),
    "numbers.no-metric": ("No metric is kept by hand yet", "还没有手工维护的指标"),
    "numbers.no-metric.do": ("Make the first one below.", "请在下方建立第一个指标。"),
    "numbers.no-metric.ask": (
        "An administrator can make one on this page.",
        "管理员可以在本页建立。",
    ),
    "numbers.make": ("Make a metric that is kept by hand", "建立手工维护的指标"),
    "numbers.make.go": ("Make it", "建立"),
    "numbers.name.help": (
        "Small letters, digits, _ . - beginning with a letter, such as trade_fair_leads",
        "小写字母、数字、_ . -，以字母开头，例如 trade_fair_leads",
    ),
    "numbers.zone.help": (
        "The zone in which a day begins, such as Asia/Shanghai; the same for all such metrics.",
        "一天从哪个时区开始，例如 Asia/Shanghai；所有手工指标共用。",
    ),
    "field.metric": ("Metric", "指标"),
    "field.day": ("Day", "日期"),
    "field.value": ("Number", "数值"),
    "field.evidence": ("Evidence", "依据"),
    "field.name": ("Name", "名称"),
    "field.unit": ("Unit", "单位"),
    "field.zone": ("Zone", "时区"),
    "field.dims": ("Kept apart by", "按以下维度区分"),
    "field.file": ("File", "文件"),
    "dim.channel": ("Channel", "渠道"),
    "dim.campaign": ("Campaign", "活动"),
    "dim.team": ("Team", "团队"),
    "dim.product": ("Product", "产品"),
    "dim.region": ("Region", "地区"),
    # A file of numbers
    "file.title": ("Load a CSV", "载入 CSV"),
    "file.help": (
        "UTF-8 or GB18030, at most {most} lines. The first line names the columns. A day in the "
        "file is replaced as a whole: what the file leaves out on that day becomes 0.",
        "UTF-8 或 GB18030，最多 {most} 行。首行为列名。文件中出现的日期将整体替换："
        "该日文件未列出的项变为 0。",
    ),
    "file.check": ("Check the file (dry run)", "检查文件（试运行）"),
    "file.dry": ("Dry run: nothing has been written yet", "试运行：尚未写入"),
    "file.summary": (
        "{created} new, {changed} changed, {cleared} set to 0, {unchanged} as they are.",
        "新增 {created}，更改 {changed}，清零 {cleared}，不变 {unchanged}。",
    ),
    "file.created": ("New numbers: {count}", "新增数值：{count}"),
    "file.changed": ("Changed numbers: {count}", "更改的数值：{count}"),
    "file.cleared": (
        "Set to 0, because their day is in the file without them: {count}",
        "清零（文件含该日但未列出）：{count}",
    ),
    "file.before": ("Before", "之前"),
    "file.after": ("After", "之后"),
    "file.more": ("and {count} more", "另有 {count} 项"),
    "file.load": ("Load {count} numbers", "载入 {count} 个数值"),
    "file.load.one": ("Load one number", "载入 1 个数值"),
    "file.nothing": ("The file says what stands already.", "文件与现有数值相同。"),
    "file.loaded": (
        "{counted} numbers count now; {unchanged} were as they are.",
        "{counted} 个数值已计入；{unchanged} 个保持不变。",
    ),
    "file.superseded": (
        "{count} numbers were changed by somebody else at the same time; load the file again to "
        "see them.",
        "有 {count} 个数值同时被他人修改；请重新载入文件查看。",
    ),
    "file.open": (
        "{count} numbers were accepted but do not count yet; look again in a moment.",
        "有 {count} 个数值已接收但尚未计入，请稍后查看。",
    ),
    "file.refused": (
        "The file has {count} faults. Nothing was written; mend them and load the whole file "
        "again.",
        "文件有 {count} 处错误，未写入任何内容；请修正后重新载入整个文件。",
    ),
    "file.refused.one": (
        "The file has one fault. Nothing was written; mend it and load the whole file again.",
        "文件有 1 处错误，未写入任何内容；请修正后重新载入整个文件。",
    ),
    "file.faults": ("What is wrong in the file", "文件中的错误"),
    "file.line": ("Line", "行"),
    "file.column": ("Column", "列"),
    "file.what": ("What is wrong, and what is right", "错误与正确写法"),
    "file.example": ("How the file looks", "文件格式示例"),
}
