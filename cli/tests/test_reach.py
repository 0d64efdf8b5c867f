import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paceline import reach
from service_kit.embedded import free_port
from service_kit.security import KafkaAccess, KafkaSecurity
from service_kit.testing.certificates import Authority


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PATIENCE_SECONDS", 3.0)
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def door(authority: Authority) -> Iterator[int]:
    """A TLS door for 127.0.0.1 that says nothing: handshakes are all that is looked at here."""
    certificate, key = authority.issue("broker")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        closing = threading.Event()
        serving = threading.Thread(target=serve, args=(listening, context, closing))
        serving.start()
        yield listening.getsockname()[1]
        closing.set()
        serving.join()


def serve(listening: socket.socket, context: ssl.SSLContext, closing: threading.Event) -> None:
    while not closing.is_set():
        try:
            plain, _ = listening.accept()
        except TimeoutError:
            continue
        plain.settimeout(30)
        try:
            context.wrap_socket(plain, server_side=True).close()
        except OSError:
            plain.close()


def look(address: str, ca: Path | None) -> reach.Finding:
    security = KafkaSecurity("SSL", ca=None if ca is None else str(ca))
    return reach.reach(KafkaAccess(address, security))


def test_an_address_where_nobody_listens_is_named_with_its_variable() -> None:
    found = look(f"127.0.0.1:{free_port()}", None)
    assert not found.well
    assert "correct the address in PACELINE_KAFKA" in found.do


def test_a_name_that_nobody_knows_is_told_from_a_closed_port() -> None:
    assert "the name is not known here" in look("no.such.host.invalid:9093", None).do


def test_a_broker_of_another_authority_is_told_from_one_of_another_name(
    authority: Authority, door: int, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger").certificate
    assert "set PACELINE_KAFKA_CA_FILE" in look(f"127.0.0.1:{door}", stranger).do
    assert "mismatch" in look(f"localhost:{door}", authority.certificate).do


def test_the_remedy_speaks_chinese_where_the_terminal_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "无人监听" in look(f"127.0.0.1:{free_port()}", None).do
