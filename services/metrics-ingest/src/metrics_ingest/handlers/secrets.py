"""A source's webhook gets its address, and the secrets that sign what comes there."""

from collections.abc import Sequence

from metrics_ingest.domain.checks.signature import check_kept, check_secrets
from metrics_ingest.domain.commands import KeepSecrets, OpenHook, RotateHook
from metrics_ingest.handlers.hooks import mapping_of
from metrics_ingest.ports.hooks import HookStore, KnownSecret
from service_kit.errors import UserError


async def open_hook(command: OpenHook, store: HookStore) -> str:
    """Return the token of the webhook's address; the first look makes it. Raises UserError."""
    await _check_source(command.tenant, command.source, store)
    token = await store.token(command.tenant, command.source)
    if token is None:
        token = await store.open_hook(command.tenant, command.source, 0)
        await store.note(command.tenant, command.actor, "hook.opened", command.source, {})
    return token


async def rotate_hook(command: RotateHook, store: HookStore) -> str:
    """Give the webhook a new address and return its token; earlier ones end after the overlap.

    Raises UserError.
    """
    await _check_source(command.tenant, command.source, store)
    token = await store.open_hook(command.tenant, command.source, command.overlap_seconds)
    detail = {"overlap_seconds": command.overlap_seconds}
    await store.note(command.tenant, command.actor, "hook.rotated", command.source, detail)
    return token


async def keep_secrets(command: KeepSecrets, store: HookStore) -> Sequence[KnownSecret]:
    """Keep new secrets beside those named by fingerprint; all others end. Raises UserError."""
    await _check_source(command.tenant, command.source, store)
    known = {each.fingerprint for each in await store.secrets(command.tenant, command.source)}
    check_secrets(command.secrets, len(command.kept))
    check_kept(command.kept, known)
    written = await store.write_secrets(
        command.tenant, command.source, command.secrets, command.kept
    )
    detail = {"fingerprints": [each.fingerprint for each in written]}
    await store.note(command.tenant, command.actor, "secrets.kept", command.source, detail)
    return written


async def _check_source(tenant: str, name: str, store: HookStore) -> None:
    source = await store.source(tenant, name)
    if source is None:
        raise UserError(
            "not-found",
            "path.name",
            f"there is no source {name}",
            f"数据源 {name} 不存在",
            status=404,
        )
    mapping_of(source)
