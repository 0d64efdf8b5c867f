"""How every Kafka client of ours connects: address, credentials, certificates, client name.

The only place that turns settings into clients' configuration, for librdkafka (confluent-kafka),
aiokafka and Faust alike; a test looks for addresses of brokers in code outside. A client made
elsewhere would speak PLAINTEXT, and only a guarded broker would show it.
"""

import ssl
from dataclasses import dataclass, field
from typing import Any

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Protocol, credentials and certificates; ``ca`` None trusts what the machine trusts.

    ``certificate`` and ``key`` are PEM files of this client (mTLS); ``check_hostname`` is whether
    the broker's certificate must name the address (endpoint identification).
    """

    protocol: str = "PLAINTEXT"
    mechanism: str = MECHANISMS[0]
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    check_hostname: bool = True

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.endswith("SSL")

    @property
    def sasl(self) -> bool:
        """Whether a user and a password are asked for."""
        return self.protocol.startswith("SASL_")

    def context(self) -> ssl.SSLContext | None:
        """Return what aiokafka needs for TLS; raises OSError and ssl.SSLError on bad files."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        context.check_hostname = self.check_hostname
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


OPEN = KafkaSecurity()


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """A cluster's ``bootstrap`` list, and as whom we come. ``client`` is for quotas and logs."""

    bootstrap: str
    security: KafkaSecurity = OPEN
    client: str = "paceline"

    def librdkafka(self) -> dict[str, Any]:
        """Return the configuration that every client of confluent-kafka begins with."""
        security = self.security
        found = {
            "bootstrap.servers": self.bootstrap,
            "client.id": self.client,
            "security.protocol": security.protocol,
        }
        if security.sasl:
            found["sasl.mechanisms"] = security.mechanism
            found["sasl.username"] = security.user
            found["sasl.password"] = security.password
        if security.tls:
            named = security.check_hostname
            found["ssl.endpoint.identification.algorithm"] = "https" if named else "none"
            files = {
                "ssl.ca.location": security.ca,
                "ssl.certificate.location": security.certificate,
                "ssl.key.location": security.key,
            }
            found |= {name: path for name, path in files.items() if path is not None}
        return found

    def aiokafka(self) -> dict[str, Any]:
        """Return the arguments that every client of aiokafka begins with."""
        security = self.security
        found: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client,
            "security_protocol": security.protocol,
            "ssl_context": security.context(),
        }
        if security.sasl:
            found["sasl_mechanism"] = security.mechanism
            found["sasl_plain_username"] = security.user
            found["sasl_plain_password"] = security.password
        return found

    def faust(self) -> dict[str, Any]:
        """Return the settings that every Faust app begins with."""
        from faust.auth import SASLCredentials, SSLCredentials  # half a second, and not for all

        security = self.security
        found: dict[str, Any] = {
            "broker": [f"kafka://{address}" for address in self.bootstrap.split(",")],
            "broker_client_id": self.client,
        }
        if security.sasl:
            found["broker_credentials"] = SASLCredentials(
                username=security.user,
                password=security.password,
                mechanism=security.mechanism,
                ssl_context=security.context(),
            )
        elif security.tls:
            found["broker_credentials"] = SSLCredentials(security.context())
        return found
