"""Checks of what a source says about its webhook."""

from collections.abc import Collection
from typing import NoReturn

from metrics_ingest.domain.definitions import HOOK_DOOR, Source
from metrics_ingest.domain.doors.signatures import scheme_of
from service_kit.errors import UserError

MOST_SECRETS = 5
_LONG = 1000


def check_signature(source: Source) -> None:
    """Raise UserError unless the signature is a rule that is known, at a source with a hook."""
    if source.signature is None:
        return
    scheme_of(source.signature)
    if HOOK_DOOR not in source.doors:
        _refuse(
            "$.signature",
            "only a source with the door hook has signed webhooks",
            "只有带 hook 入口的数据源才有签名回调",
        )


def check_secrets(secrets: tuple[str, ...], kept: int) -> None:
    """Raise UserError unless these secrets can be kept beside ``kept`` others."""
    if len(secrets) + kept > MOST_SECRETS:
        _refuse(
            "$.secrets",
            f"at most {MOST_SECRETS} secrets hold at once",
            f"最多同时使用 {MOST_SECRETS} 个密钥",
        )
    for index, secret in enumerate(secrets):
        if not secret or len(secret) > _LONG:
            _refuse(f"$.secrets[{index}]", f"1 to {_LONG} characters", f"1 到 {_LONG} 个字符")


def check_kept(kept: tuple[str, ...], known: Collection[str]) -> None:
    """Raise UserError unless these fingerprints are known, each named once."""
    for index, fingerprint in enumerate(kept):
        if fingerprint not in known or fingerprint in kept[:index]:
            _refuse(
                f"$.keep[{index}]",
                "the source has no such secret (left); GET lists their fingerprints",
                "该数据源没有此密钥；用 GET 可列出指纹",
            )


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise UserError("invalid-value", where, en, zh)
