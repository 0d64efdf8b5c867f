"""The variables PACELINE_KAFKA_*: as whom we come to the broker, and what is wrong with them.

``{service}`` in a value stands for the service's name, so that one set of variables gives each
service a user, a password file or a certificate of its own.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from service_kit.errors import SettingError
from service_kit.security import MECHANISMS, PROTOCOLS, KafkaSecurity

# What each PACELINE_KAFKA_NAME is when it is not set, and what it says: docs/operators/settings.md.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "PROTOCOL": (f"`{PROTOCOLS[0]}`", f"How the broker is spoken to: {', '.join(PROTOCOLS)}."),
    "MECHANISM": (f"`{MECHANISMS[0]}`", f"How the user is proven: {', '.join(MECHANISMS)}."),
    "USER": ("none", "The user."),
    "PASSWORD": ("none", "The user's password; a file is better."),
    "PASSWORD_FILE": ("none", "A file with the user's password."),
    "CA_FILE": ("what the machine trusts", "PEM of the authority that signed the broker."),
    "CERTIFICATE_FILE": ("none", "PEM of the client's certificate, for mTLS."),
    "KEY_FILE": ("none", "PEM of its key, not encrypted."),
    "CHECK_HOSTNAME": ("`true`", "Whether the certificate has to name the broker's address."),
    "PRINCIPAL": ("the user, else `CN=SERVICE`", "As whom the broker knows a service, for ACLs."),
}
_SASL = ("MECHANISM", "USER", "PASSWORD", "PASSWORD_FILE")
_TLS = ("CA_FILE", "CERTIFICATE_FILE", "KEY_FILE", "CHECK_HOSTNAME")


def read_security(service: str, environment: Mapping[str, str] | None = None) -> KafkaSecurity:
    """Read PACELINE_KAFKA_PROTOCOL and what it asks for.

    Raises SettingError on what cannot work together, cannot be read or is not there.
    """
    return _Reader(service, os.environ if environment is None else environment).security()


def principal_of(service: str, environment: Mapping[str, str] | None = None) -> str:
    """Return as whom the broker knows the service; needs no password and no file.

    With a client certificate alone that is its subject, which PACELINE_KAFKA_PRINCIPAL tells.
    """
    env = os.environ if environment is None else environment
    reader = _Reader(service, env)
    told = reader.text("PRINCIPAL") or reader.text("USER") or f"CN={service}"
    return told if told.startswith("User:") else f"User:{told}"


class _Reader:
    """The variables PACELINE_KAFKA_*, and what is wrong with them."""

    def __init__(self, service: str, env: Mapping[str, str]) -> None:
        self._service = service
        self._env = env

    def text(self, name: str) -> str:
        """Return the variable, empty when it is not set; ``{service}`` is replaced."""
        return self._env.get(f"PACELINE_KAFKA_{name}", "").replace("{service}", self._service)

    def security(self) -> KafkaSecurity:
        protocol = self._one_of("PROTOCOL", PROTOCOLS)
        self._refuse_strangers(protocol)
        found = KafkaSecurity(
            protocol=protocol,
            mechanism=self._one_of("MECHANISM", MECHANISMS),
            user=self.text("USER"),
            password=self._password(),
            ca=self._file("CA_FILE"),
            certificate=self._file("CERTIFICATE_FILE"),
            key=self._file("KEY_FILE"),
            check_hostname=self._one_of("CHECK_HOSTNAME", ("true", "false")) == "true",
        )
        self._refuse_halves(found)
        self._try_certificates(found)
        return found

    def _one_of(self, name: str, known: tuple[str, ...]) -> str:
        text = self.text(name) or known[0]
        if text not in known:
            listed = ", ".join(known)
            en = f"{text!r} is not known; one of {listed} is"
            raise _wrong(name, en, f"不支持 {text!r}；可用：{listed}")
        return text

    def _refuse_strangers(self, protocol: str) -> None:
        """A user beside PLAINTEXT would be sent nowhere: somebody believes more than is true."""
        strangers = (() if protocol.startswith("SASL_") else _SASL) + (
            () if protocol.endswith("SSL") else _TLS
        )
        for name in strangers:
            if self.text(name):
                right = "SASL_SSL" if name in _SASL else "SSL / SASL_SSL"
                raise _wrong(
                    name,
                    f"has no effect with PACELINE_KAFKA_PROTOCOL={protocol}; "
                    f"set the protocol to {right}, or take this variable away",
                    f"在 PACELINE_KAFKA_PROTOCOL={protocol} 下不起作用；"
                    f"请将协议设为 {right}，或删除此变量",
                )

    def _refuse_halves(self, found: KafkaSecurity) -> None:
        if found.sasl and not found.user:
            raise self._lacks("USER", found.protocol)
        if found.sasl and not found.password:
            raise self._lacks("PASSWORD_FILE", found.protocol)
        if (found.certificate is None) != (found.key is None):
            there, gone = ("CERTIFICATE_FILE", "KEY_FILE")
            if found.certificate is None:
                there, gone = gone, there
            raise _wrong(
                gone,
                f"is not set, but PACELINE_KAFKA_{there} is; mTLS needs both",
                f"未设置，而 PACELINE_KAFKA_{there} 已设置；双向 TLS 两者都需要",
            )

    def _lacks(self, name: str, protocol: str) -> SettingError:
        return _wrong(
            name,
            f"is not set or empty; PACELINE_KAFKA_PROTOCOL={protocol} needs it",
            f"未设置或为空；PACELINE_KAFKA_PROTOCOL={protocol} 需要它",
        )

    def _password(self) -> str:
        if self.text("PASSWORD") and self.text("PASSWORD_FILE"):
            raise _wrong(
                "PASSWORD",
                "stands beside PACELINE_KAFKA_PASSWORD_FILE; only one of them may be set",
                "与 PACELINE_KAFKA_PASSWORD_FILE 同时设置；只能设置其一",
            )
        path = self._file("PASSWORD_FILE")
        # The line's end of a file written by an editor is not the password's.
        told = self._env.get("PACELINE_KAFKA_PASSWORD", "")
        return told if path is None else Path(path).read_text(encoding="utf-8").rstrip("\r\n")

    def _file(self, name: str) -> str | None:
        path = self.text(name)
        if not path:
            return None
        if not os.access(path, os.R_OK) or not Path(path).is_file():
            raise _wrong(
                name,
                f"{path} is no file that can be read; the path of a file is needed",
                f"{path} 不是可读的文件；请给出文件路径",
            )
        return path

    def _try_certificates(self, found: KafkaSecurity) -> None:
        try:
            found.context()
        except (OSError, ssl.SSLError) as error:
            name = "CERTIFICATE_FILE" if found.ca is None or _readable(found.ca) else "CA_FILE"
            raise _wrong(
                name,
                f"cannot be used ({error}); PEM files are needed, and a key (not encrypted) that "
                "belongs to its certificate",
                f"无法使用（{error}）；需要 PEM 文件，且私钥（未加密）须与证书匹配",
            ) from error


def _readable(ca: str) -> bool:
    try:
        ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError):
        return False
    return True


def _wrong(name: str, en: str, zh: str) -> SettingError:
    return SettingError(f"PACELINE_KAFKA_{name}", en, zh)
