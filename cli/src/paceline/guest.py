"""What `paceline doctor` looks at on the broker: the way in, the topics, what each service may do.

With the operator's user it reads everybody's ACLs; with `--service NAME` it comes as that service
and asks what this one user may do, which needs no right beyond those of the service.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from paceline.acls import Grant, commands, enough, grants, missing, principals
from paceline.finding import Finding
from paceline.reach import reach
from paceline.topic_plan import SERVICES, Standing, standings
from paceline.words import either
from service_kit.errors import Infrastructure
from service_kit.security_environment import principal_of
from service_kit.settings import Settings
from service_kit.topic_admin import Denied, TopicAdmin, Unguarded


def cluster(settings: Settings, foreign: Sequence[str] = ()) -> Iterator[Finding]:
    """Look with the operator's user at the way in, at every topic and at every service's ACLs.

    ``foreign`` names topics of the organisation that are read.
    """
    way = reach(settings.access)
    yield way
    if way.well:
        yield from _topics(settings)
        yield from _acls(settings, foreign)


def of_service(settings: Settings) -> Iterator[Finding]:
    """Look with a service's own user at the way in and at what this service needs."""
    way = reach(settings.access)
    yield way
    if not way.well:
        return
    needed = [grant for grant in grants(settings) if grant.service == settings.service]
    lacking = asyncio.run(_lacking(settings, needed))
    yield from _told(settings, needed, lacking)


def known(service: str) -> bool:
    """Whether there is such a service on the broker."""
    return service in (*SERVICES, "relay")


async def _lacking(settings: Settings, needed: Iterable[Grant]) -> list[Grant]:
    admin, found = TopicAdmin(settings.access), []
    for grant in needed:
        if not enough(grant.operation) & await admin.rights(grant.kind, grant.name):
            found.append(grant)
    return found


def _topics(settings: Settings) -> Iterator[Finding]:
    try:
        found = asyncio.run(standings(settings))
    except Denied as error:
        who = principal_of(settings.service)
        do = either(
            f"grant {who} Describe on topics {settings.prefix}* (paceline topics acls)",
            f"请授予 {who} 对主题 {settings.prefix}* 的 Describe（paceline topics acls）",
        )
        yield Finding("topics", str(error), do)
        return
    except Infrastructure as error:
        yield Finding("topics", str(error), either("ask again", "请重试"))
        return
    wrong = [finding for each in found if (finding := _topic(each)) is not None]
    state = either(f"{len(found)} in order", f"{len(found)} 个正常")
    yield from wrong or [Finding("topics", state)]


def _topic(each: Standing) -> Finding | None:
    if each.found is None:
        count = each.spec.partitions
        do = either(
            f"paceline topics apply, or have it made with {count} partitions",
            f"paceline topics apply，或请管理员以 {count} 个分区创建",
        )
        return Finding(f"topic {each.name}", either("is not there", "不存在"), do)
    if each.differs:
        state = either("differs", "不一致")
        return Finding(f"topic {each.name}", state, "; ".join(each.differs))
    if each.changes:
        state = ", ".join(f"{key}: {old}" for key, (old, _) in each.changes.items())
        return Finding(f"topic {each.name}", state, "paceline topics plan, paceline topics apply")
    return None


def _acls(settings: Settings, foreign: Sequence[str]) -> Iterator[Finding]:
    needed = grants(settings, foreign)
    try:
        whose = principals(needed).values()
        found = asyncio.run(TopicAdmin(settings.access).acls(list(whose)))
    except Unguarded:
        yield Finding("ACLs", either("none: the broker has no authorizer", "无：Kafka 未启用授权"))
    except Denied:
        who = principal_of(settings.service)
        state = either(f"{who} may not see them", f"{who} 无权查看")
        do = either(
            f"grant {who} Describe on the cluster, or run `paceline doctor --service NAME` with "
            "each service's own credentials",
            f"请授予 {who} 对集群的 Describe，或以各服务自己的凭据运行 "
            "`paceline doctor --service NAME`",
        )
        yield Finding("ACLs", state, do)
    except Infrastructure as error:
        yield Finding("ACLs", str(error), either("ask again", "请重试"))
    else:
        yield from _told(settings, needed, missing(needed, found))


def _told(
    settings: Settings, needed: Iterable[Grant], lacking: Iterable[Grant]
) -> Iterator[Finding]:
    lacks = list(lacking)
    for grant in lacks:
        may_not = either(
            f"may not {grant.operation} {grant.resource}",
            f"缺少 {grant.resource} 的 {grant.operation} 权限",
        )
        do = either("grant it by the line below", "请用下方命令授权")
        [line] = commands([grant], settings.kafka, "admin.properties")
        who = principal_of(grant.service)
        yield Finding(f"ACL {grant.service} ({who})", may_not, do, line)
    count = len(list(needed)) - len(lacks)
    yield Finding("ACLs", either(f"{count} are there", f"{count} 项已具备"))
