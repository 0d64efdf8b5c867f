"""Why a broker cannot be reached: no connection, another protocol, certificate, user or password.

librdkafka tells the cause to a callback only; the call itself ends with "transport failure".
"""

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
    return Finding(what, error.str(), remedy(error, security))


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
        decisive = [error for error in told if error.code() in DECISIVE]
        if decisive:
            return decisive[0]
        if time.monotonic() > deadline:
            return told[0] if told else last


def remedy(error: KafkaError, security: KafkaSecurity) -> str:
    """Return what would be right."""
    text = error.str().lower()
    if error.code() == KafkaError._AUTHENTICATION:
        return _user(text, security)
    if error.code() == KafkaError._SSL:
        return _certificate(text, security)
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


def _certificate(text: str, security: KafkaSecurity) -> str:
    if "hostname" in text or "ip address mismatch" in text:
        return either(
            "the broker's certificate names another address: use one of its names in "
            "PACELINE_KAFKA, or have the certificate name this one",
            "Kafka 的证书不含此地址：请在 PACELINE_KAFKA 中使用证书中的名称，或重新签发证书",
        )
    if "verify failed" in text or "self-signed" in text or "self signed" in text:
        return either(
            "the broker's certificate is signed by another authority: set PACELINE_KAFKA_CA_FILE "
            f"to the organisation's (now {security.ca or 'the trust store of this machine'})",
            "Kafka 的证书由其他机构签发：请将 PACELINE_KAFKA_CA_FILE 设为贵组织的 CA 证书"
            f"（当前：{security.ca or '本机信任库'}）",
        )
    if "alert" in text or "certificate" in text:
        return either(
            "the broker refuses our certificate: set PACELINE_KAFKA_CERTIFICATE_FILE and "
            f"PACELINE_KAFKA_KEY_FILE to what it trusts (now {security.certificate or 'none'})",
            "Kafka 拒绝我方证书：请将 PACELINE_KAFKA_CERTIFICATE_FILE 与 "
            f"PACELINE_KAFKA_KEY_FILE 设为其信任的证书（当前：{security.certificate or '无'}）",
        )
    return either(
        "that listener speaks no TLS, or another version: ask for its protocol and set "
        "PACELINE_KAFKA_PROTOCOL",
        "该监听器不使用 TLS，或版本不同：请确认其协议并设置 PACELINE_KAFKA_PROTOCOL",
    )


def _of(error: KafkaException) -> KafkaError:
    found: KafkaError = error.args[0]
    return found
