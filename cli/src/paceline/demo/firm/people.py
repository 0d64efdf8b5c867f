"""Beilan 北岚, an organisation that does not exist: 12 teams, 150 people, written by code.

Names are put together by a seed, so everybody has the same name in every run. Whoever plays a part
in the plot stands in CAST.
"""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SEED = 618
PEOPLE = 150
NAME = "Beilan 北岚"
CEO_CHANNEL = "oc_ceo"
DOMAIN = "beilan.example"
HEAD: Final = "wang.wei"
COLUMNS = (
    *("id", "name", "mail", "team", "team_name", "team_parent", "team_lead", "team_group"),
    *("roles", "manager", "language", "consent"),
)


@dataclass(frozen=True, slots=True)
class Team:
    """A team: how many people it has, and who leads it."""

    id: str
    name: str
    size: int
    lead: str


TEAMS = (
    Team("marketing", "Marketing 市场部", 5, HEAD),
    Team("growth", "Growth 增长", 16, "li.na"),
    Team("content", "Content 内容", 16, "chen.jie"),
    Team("social", "Social media 社交媒体", 14, "emma.clarke"),
    Team("live", "Live streams 直播", 10, "huang.kai"),
    Team("fairs", "Trade fairs 展会", 10, "xu.jing"),
    Team("partners", "Partners 渠道伙伴", 12, "tom.baker"),
    Team("mail", "E-mail 邮件营销", 9, "zhou.ting"),
    Team("brand", "Brand 品牌", 10, "lin.fan"),
    Team("product", "Product marketing 产品市场", 10, "ma.hong"),
    Team("sales", "Sales 销售", 24, "wu.gang"),
    Team("success", "Customer success 客户成功", 14, "zheng.hui"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody; ``praise``: agrees to be praised before the team and the CEO."""

    id: str
    name: str
    team: str
    roles: str = "member"
    praise: bool = True

    @property
    def language(self) -> str:
        """The language of the name."""
        return "en" if self.name.isascii() else "zh"


CAST = (
    Person(HEAD, "王伟 Wang Wei", "marketing", "admin lead"),
    Person("zhao.lei", "赵磊 Zhao Lei", "marketing", "viewer finance"),
    Person("li.na", "李娜 Li Na", "growth", "lead"),
    Person("zhang.min", "张敏 Zhang Min", "growth"),
    Person("liu.yang", "刘洋 Liu Yang", "growth"),
    Person("chen.jie", "陈洁 Chen Jie", "content", "lead"),
    Person("sun.yue", "孙悦 Sun Yue", "content"),
    Person("he.lin", "何琳 He Lin", "content"),
    Person("guo.tao", "郭涛 Guo Tao", "content", praise=False),
    Person("emma.clarke", "Emma Clarke", "social", "lead"),
    Person("huang.kai", "黄凯 Huang Kai", "live", "lead"),
    Person("xu.jing", "徐静 Xu Jing", "fairs", "lead"),
    Person("tom.baker", "Tom Baker", "partners", "lead"),
    Person("zhou.ting", "周婷 Zhou Ting", "mail", "lead"),
    Person("lin.fan", "林帆 Lin Fan", "brand", "lead"),
    Person("ma.hong", "马虹 Ma Hong", "product", "lead"),
    Person("wu.gang", "吴刚 Wu Gang", "sales", "lead sales"),
    Person("luo.dan", "罗丹 Luo Dan", "sales", "member sales"),
    Person("james.reed", "James Reed", "sales", "member sales"),
    Person("su.mei", "苏梅 Su Mei", "sales", "member sales"),
    Person("zheng.hui", "郑慧 Zheng Hui", "success", "lead"),
)
# (pinyin, character)
SURNAMES = (
    *(("bai", "白"), ("cao", "曹"), ("deng", "邓"), ("fang", "方"), ("gao", "高"), ("hou", "侯")),
    *(("jin", "金"), ("kong", "孔"), ("lei", "雷"), ("meng", "孟"), ("pan", "潘"), ("qin", "秦")),
    *(("shen", "沈"), ("tang", "唐"), ("wen", "温"), ("xie", "谢"), ("yan", "严"), ("zou", "邹")),
)
GIVEN = (
    *(("jing", "静"), ("hao", "浩"), ("ying", "颖"), ("bo", "博"), ("xin", "欣"), ("yu", "宇")),
    *(("lan", "岚"), ("peng", "鹏"), ("rui", "瑞"), ("qi", "琪"), ("chen", "晨"), ("ning", "宁")),
)
FIRST_NAMES = ("Anna", "Ben", "Clara", "David", "Ella", "Frank", "Grace", "Henry", "Ivy", "Jack")
LAST_NAMES = ("Hill", "Moss", "Penn", "Stone", "Vale", "Wood")
ENGLISH_SHARE = 0.15
CONSENT_SHARE = 0.8


def everybody(seed: int = SEED) -> list[Person]:
    """Return all people, team by team, the lead first; the same for the same seed."""
    rng = random.Random(seed)
    chinese = [(s, g) for s in SURNAMES for g in GIVEN]
    english = [(f, n) for f in FIRST_NAMES for n in LAST_NAMES]
    rng.shuffle(chinese)
    rng.shuffle(english)
    found: list[Person] = []
    for team in TEAMS:
        cast = sorted((p for p in CAST if p.team == team.id), key=lambda p: p.id != team.lead)
        found += cast
        for _ in range(team.size - len(cast)):
            made = _english(*english.pop()) if rng.random() < ENGLISH_SHARE else None
            identity, name = made or _chinese(*chinese.pop())
            agrees = rng.random() < CONSENT_SHARE
            found.append(Person(identity, name, team.id, praise=agrees))
    return found


def _chinese(surname: tuple[str, str], given: tuple[str, str]) -> tuple[str, str]:
    spoken = f"{surname[0].capitalize()} {given[0].capitalize()}"
    return f"{surname[0]}.{given[0]}", f"{surname[1]}{given[1]} {spoken}"


def _english(first: str, last: str) -> tuple[str, str]:
    return f"{first}.{last}".lower(), f"{first} {last}"


def directory() -> bytes:
    """Return the CSV that `paceline people` loads."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_lines())
    return text.getvalue().encode()


def _lines() -> Iterator[tuple[str, ...]]:
    teams = {team.id: team for team in TEAMS}
    for person in everybody():
        team = teams[person.team]
        is_lead = person.id == team.lead
        boss = HEAD if is_lead else team.lead
        yield (
            person.id,
            person.name,
            f"{person.id}@{DOMAIN}",
            team.id,
            *((team.name, _parent(team), team.lead, f"oc_{team.id}") if is_lead else ("",) * 4),
            person.roles,
            "" if person.id == HEAD else boss,
            person.language,
            "yes" if person.praise else "no",
        )


def _parent(team: Team) -> str:
    return "" if team.lead == HEAD else TEAMS[0].id
