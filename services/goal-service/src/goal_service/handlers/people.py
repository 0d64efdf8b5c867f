"""The directory: entries change by patches, each change a version; looks at a page are noted."""

from collections.abc import Iterable, Mapping

from event_contracts.wire import Event
from goal_service.domain.commands import ChangeDirectory, NoteView
from goal_service.domain.people import Kept, Patch, Ref
from goal_service.domain.people_checks import faults_of
from goal_service.ports import PeopleBooks
from service_kit.errors import UserError


class DirectoryMoved(UserError):
    """Somebody else has changed the directory since the patches were checked against it."""

    def __init__(self) -> None:
        super().__init__(
            "directory-moved",
            "body",
            "others kept changing the directory while the file was read in, and a part of it may "
            "be written; send the file again, it goes on from there",
            "导入期间其他人一直在修改组织目录，文件可能只写入了一部分；请重新发送该文件，将从中断处继续",
            status=409,
        )


async def change_directory(command: ChangeDirectory, books: PeopleBooks) -> list[Kept]:
    """Write a version of every entry that the patches change; return all of them as they are.

    Raises UserError when an entry would not be right, or is no more at its ``based_on``, and
    DirectoryMoved.
    """
    await books.directory.lock(command.tenant)
    await _check_unmoved(command, books)
    refs = [patch.ref for patch in command.patches]
    known = await books.directory.find(command.tenant, refs)
    fresh = _changed(command, known)
    if fresh and command.checked_at is None:
        whole = await books.directory.whole(command.tenant)
        whole = whole.with_(kept.entry for kept in fresh.values())
        for kept in fresh.values():
            for fault in faults_of(kept.entry, whole):
                raise fault.error(fault.field)
    await books.directory.put(list(fresh.values()))
    for event in _events(fresh.values()):
        books.post.send(event)
    after = {**known, **fresh}
    return [after[ref] for ref in refs if ref in after]


async def _check_unmoved(command: ChangeDirectory, books: PeopleBooks) -> None:
    at = command.checked_at
    if at is not None and await books.directory.changes(command.tenant) > at + 1:
        raise DirectoryMoved


async def note_view(command: NoteView, books: PeopleBooks) -> None:
    """Remember a look at a person's page."""
    await books.views.note(command.tenant, command.person, command.viewer, command.at_ms)


def person_unknown(person: str) -> UserError:
    """Return the refusal of a person whom the tenant does not have."""
    return UserError(
        "person-unknown",
        "path.person",
        f"there is no person {person}; GET /v1/people lists them",
        f"人员 {person} 不存在；可用 GET /v1/people 查看列表",
        status=404,
    )


def _changed(command: ChangeDirectory, known: Mapping[Ref, Kept]) -> dict[Ref, Kept]:
    fresh: dict[Ref, Kept] = {}
    for patch in command.patches:
        before = known.get(patch.ref)
        version = before.version if before else 0
        if patch.based_on not in (None, version):
            raise _moved_on(patch, version)
        entry = patch.applied(command.tenant, before.entry if before else None)
        if before is None or entry != before.entry:
            fresh[patch.ref] = Kept(entry, version + 1, command.actor, command.at_ms)
    return fresh


def _events(kept: Iterable[Kept]) -> Iterable[Event]:
    return (event for event in (each.event() for each in kept) if event is not None)


def _moved_on(patch: Patch, version: int) -> UserError:
    return UserError(
        "entry-moved-on",
        "based_on",
        f"it is at version {version}, the change was made from {patch.based_on}; "
        "read it again and repeat the change",
        f"当前为第 {version} 版，而修改基于第 {patch.based_on} 版；请重新读取后再修改",
        status=409,
    )
