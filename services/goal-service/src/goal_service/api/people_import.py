"""POST /v1/people/import: a whole directory in one file, or every reason why not.

The file is checked as a whole against the directory before anything is written. Then its changes
are written in transactions of CHUNK entries, teams first. Where somebody else has changed the
directory since, it is checked anew: two people's changes must not close a circle, or give one mail
address twice. A process that dies in between leaves whole entries; the same file again writes the
rest, and once more nothing.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from goal_service.adapters.directory import DirectoryReader
from goal_service.api.carrying import carrier
from goal_service.domain.commands import ChangeDirectory
from goal_service.domain.people import Entry, Patch, Person, Team
from goal_service.domain.people_file import Problem, read_sheet
from goal_service.domain.people_import import ImportPlan, chunks, plan_import
from goal_service.handlers import DirectoryMoved
from service_kit.runtime import Runtime
from service_kit.web import Caller, answer, language_of, read_bytes, require

# Each entry is four documents: current, version, audit entry, message.
CHUNK = 100
TRIES = 20  # without anything written, while others change the directory

Writes = Annotated[Caller, Depends(require("people:write"))]


def import_routes(runtime: Runtime) -> APIRouter:
    """Return the route that takes a file of people in."""
    router = APIRouter()
    reader = DirectoryReader(runtime.store)
    carry = carrier(runtime)

    @router.post("/v1/people/import")
    async def import_people(request: Request, caller: Writes, dry_run: bool = False) -> Response:
        """The body is CSV in UTF-8 or GB18030; its first line names columns, a line is a person."""
        sheet = read_sheet(await read_bytes(request))
        first: ImportPlan | None = None
        written = tries = 0
        while True:
            changes = await reader.changes(caller.tenant)
            plan = plan_import(caller.tenant, sheet, await reader.whole(caller.tenant))
            if plan.problems:
                return _refused(request, plan.problems, written)
            first = first or plan
            before = written
            try:
                for patches in () if dry_run else chunks(plan.patches, CHUNK):
                    await write(caller, patches, changes + written - before)
                    written += 1
                return answer(_done(first, dry_run))
            except DirectoryMoved:
                tries = 1 if written > before else tries + 1
                if tries >= TRIES:
                    raise

    async def write(caller: Caller, patches: tuple[Patch, ...], checked_at: int) -> None:
        at_ms = runtime.clock.now_ms()
        await carry(ChangeDirectory(caller.tenant, patches, caller.actor, at_ms, checked_at))

    return router


_NOTHING = {"en": "nothing was written", "zh": "未写入任何内容"}
_IN_PART = {
    "en": "for somebody else changed the directory while the file was written, in part so far",
    "zh": "因为写入期间其他人修改了组织目录，文件只写入了一部分",
}


def _done(plan: ImportPlan, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "people": _counts(plan, Person),
        "teams": _counts(plan, Team),
    }


def _counts(plan: ImportPlan, kind: type[Entry]) -> dict[str, int]:
    return {fate: plan.counts.get((kind, fate), 0) for fate in ("created", "changed", "unchanged")}


def _refused(request: Request, problems: Sequence[Problem], written: int) -> Response:
    """Return all problems; the first one also in the shape that every refusal has."""
    language = language_of(request.headers.get("accept-language", ""))
    listed = [_problem(problem, language) for problem in problems]
    first = listed[0]
    count = len(listed)
    done = _IN_PART if written else _NOTHING
    text = {
        "zh": f"文件有 {count} 处错误，{done['zh']}；第一处：{first['message']}",
        "en": f"{count} errors, {done['en']}; the first: {first['message']}",
    }[language]
    where = f"line {first['line']}, column {first['column']}"
    error = {"code": "import-refused", "where": where, "message": text}
    response = answer({"error": error, "problems": listed}, 422)
    response.headers["Content-Language"] = language
    return response


def _problem(problem: Problem, language: str) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "code": problem.code,
        "message": problem.zh if language == "zh" else problem.en,
    }
