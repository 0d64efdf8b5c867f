"""Why a broker cannot be reached: no connection, another protocol, certificate, user or password.

librdkafka tells the cause to a callback only; the call itself ends with "transport failure".
"""

import socket
import ssl
import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from paceline.finding import Finding
from paceline.words import either
from service_kit.security import KafkaAccess, KafkaSecurity

PATIENCE_SECONDS = 8.0
# With these another try ends the same.
DECISIVE = {KafkaError._SSL, KafkaError._AUTHENTICATION, KafkaError._RESOLVE}


def reach(kafka: KafkaAccess) -> Finding:
    """Return whether the broker answers this user, and if not, what would be right."""
    security = kafka.security
    what = f"kafka {kafka.bootstrap}"
    error = first_error(kafka)
    if error is None:
        user = f", {security.user}" if security.sasl else ""
        return Finding(what, f"{security.protocol}{user}")
    return Finding(what, error.str(), remedy(error, kafka))


def first_error(kafka: KafkaAccess) -> KafkaError | None:
    """Return what stands in the way, None when the broker answers."""
    told: list[KafkaError] = []
    configuration = {**kafka.librdkafka(), "log_level": 0, "error_cb": told.append}
    try:
        admin = AdminClient(configuration)
    except KafkaException as error:  # librdkafka reads the files at once
        return _of(error)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            admin.list_topics(timeout=1)
            return None
        except KafkaException as error:
            last = _of(error)
        admin.poll(0)
        decisive = [error for error in told if error.code() in DECISIVE or _refused(error)]
        if decisive:
            return decisive[0]
        if time.monotonic() > deadline:
            return told[0] if told else last


def remedy(error: KafkaError, kafka: KafkaAccess) -> str:
    """Return what would be right."""
    text, security = error.str().lower(), kafka.security
    if error.code() == KafkaError._AUTHENTICATION:
        return _user(text, security)
    if _refused(error):
        return _certificate(security)
    if error.code() == KafkaError._SSL:
        foreign = "verify failed" in text
        return _authority(unverified(kafka), security) if foreign else _tls(security)
    if error.code() == KafkaError._RESOLVE:
        return either(
            "the name is not known here: correct PACELINE_KAFKA, or the machine's name service",
            "无法解析该主机名：请更正 PACELINE_KAFKA 或本机的域名解析",
        )
    if "refused" in text:
        return either(
            "nobody listens there: correct the address in PACELINE_KAFKA, or start the broker",
            "该地址无人监听：请更正 PACELINE_KAFKA 中的地址，或启动 Kafka",
        )
    return either(
        f"if somebody listens there, it is no {security.protocol} listener: ask for its protocol "
        "and set PACELINE_KAFKA_PROTOCOL, or open the way to it (firewall)",
        f"若有服务在监听，则它不是 {security.protocol} 监听器：请确认其协议并设置 "
        "PACELINE_KAFKA_PROTOCOL，或放通网络（防火墙）",
    )


def _user(text: str, security: KafkaSecurity) -> str:
    if "mechanism" in text and "unsupported" in text:
        return either(
            "set PACELINE_KAFKA_MECHANISM to one that the broker names",
            "请将 PACELINE_KAFKA_MECHANISM 设为 Kafka 所列的机制之一",
        )
    return either(
        f"the broker does not know user {security.user} with this password under "
        f"{security.mechanism}: correct PACELINE_KAFKA_USER, PACELINE_KAFKA_PASSWORD_FILE (or "
        "PACELINE_KAFKA_PASSWORD), or have the user created",
        f"Kafka 在 {security.mechanism} 下不认可用户 {security.user} 的密码：请更正 "
        "PACELINE_KAFKA_USER、PACELINE_KAFKA_PASSWORD_FILE（或 PACELINE_KAFKA_PASSWORD），"
        "或请管理员创建该用户",
    )


def unverified(kafka: KafkaAccess) -> str:
    """Return what is wrong with the broker's certificate, which librdkafka does not tell."""
    host, _, port = kafka.bootstrap.split(",")[0].rpartition(":")
    context = kafka.security.context()
    if context is None:
        return ""
    try:
        with (
            socket.create_connection((host, int(port)), PATIENCE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, ValueError):
        return ""


def _authority(reason: str, security: KafkaSecurity) -> str:
    if "mismatch" in reason:
        return either(
            f"{reason}: use a name of the broker's certificate in PACELINE_KAFKA, or have the "
            "certificate name this address",
            f"{reason}：请在 PACELINE_KAFKA 中使用 Kafka 证书所含的名称，或重新签发证书",
        )
    if "expired" in reason or "not yet valid" in reason:
        return either(
            f"{reason}: have the broker's certificate renewed, or correct this machine's clock",
            f"{reason}：请更新 Kafka 的证书，或校正本机时钟",
        )
    return either(
        "the broker's certificate is signed by another authority: set PACELINE_KAFKA_CA_FILE to "
        f"the organisation's (now {security.ca or 'what this machine trusts'})",
        "Kafka 的证书由其他机构签发：请将 PACELINE_KAFKA_CA_FILE 设为贵组织的 CA 证书"
        f"（当前：{security.ca or '本机信任库'}）",
    )


def _certificate(security: KafkaSecurity) -> str:
    return either(
        "the broker refuses our certificate: set PACELINE_KAFKA_CERTIFICATE_FILE and "
        f"PACELINE_KAFKA_KEY_FILE to what it trusts (now {security.certificate or 'none'})",
        "Kafka 拒绝我方证书：请将 PACELINE_KAFKA_CERTIFICATE_FILE 与 "
        f"PACELINE_KAFKA_KEY_FILE 设为其信任的证书（当前：{security.certificate or '无'}）",
    )


def _tls(security: KafkaSecurity) -> str:
    return either(
        f"that listener does not speak TLS as {security.protocol} does: ask for its protocol and "
        "set PACELINE_KAFKA_PROTOCOL",
        f"该监听器的 TLS 与 {security.protocol} 不符：请确认其协议并设置 PACELINE_KAFKA_PROTOCOL",
    )


def _refused(error: KafkaError) -> bool:
    """Whether the broker broke the handshake off for our certificate, or for want of one."""
    text = error.str().lower()
    return "alert" in text and "certificate" in text


def _of(error: KafkaException) -> KafkaError:
    found: KafkaError = error.args[0]
    return found
