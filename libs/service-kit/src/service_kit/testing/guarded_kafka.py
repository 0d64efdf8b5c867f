"""A broker as a large organisation runs it: no listener without credentials, ACLs on.

SASL_SSL with SCRAM-SHA-512 on its first port, mTLS on its second (that is the broker's own way,
too), and a controller that speaks mTLS as well. The super users are ``admin`` and the broker.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from service_kit.embedded import Kafka
from service_kit.embedded.process import LOOPBACK
from service_kit.security import KafkaAccess, KafkaSecurity
from service_kit.testing.certificates import Authority

ADMIN = "admin"
MECHANISM = "SCRAM-SHA-512"


class GuardedKafka(Kafka):
    """``users`` are names with their passwords; the admin's is among them."""

    def __init__(self, data: Path, ports: tuple[int, int, int], users: Mapping[str, str]) -> None:
        """``ports``: SASL_SSL, mTLS, controller."""
        port, self._mutual, controller = ports
        super().__init__(data, port, controller)
        self.authority = Authority(data.absolute() / "certificates")
        self._users = users
        self.mutual = f"{LOOPBACK}:{self._mutual}"
        self.controller = f"{LOOPBACK}:{controller}"
        self._store = self._key_store()
        self.access = self.as_user(ADMIN)

    def as_user(self, name: str, password: str | None = None) -> KafkaAccess:
        """Return how this user comes in by SASL_SSL."""
        told = self._users[name] if password is None else password
        ca = str(self.authority.certificate)
        return KafkaAccess(
            self.bootstrap, KafkaSecurity("SASL_SSL", MECHANISM, name, told, ca=ca), name
        )

    def _key_store(self) -> Path:
        """Certificate and key in one file, as Kafka wants PEM."""
        certificate, key = self.authority.issue("broker")
        store = certificate.with_suffix(".pem")
        store.write_bytes(key.read_bytes() + certificate.read_bytes())
        return store

    def _broker_settings(self) -> Mapping[str, str | int]:
        ours, mutual = self.bootstrap, self.mutual
        return {
            **super()._broker_settings(),
            "listeners": f"GUESTS://{ours},MUTUAL://{mutual},CONTROLLER://{self.controller}",
            "advertised.listeners": f"GUESTS://{ours},MUTUAL://{mutual}",
            "listener.security.protocol.map": "GUESTS:SASL_SSL,MUTUAL:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "MUTUAL",
            "sasl.enabled.mechanisms": MECHANISM,
            "listener.name.guests.sasl.enabled.mechanisms": MECHANISM,
            "listener.name.guests.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "listener.name.guests.ssl.client.auth": "none",
            "ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.certificate),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{ADMIN};User:CN=broker",
        }

    def _format_arguments(self) -> Sequence[str]:
        """The users have to be there before the first of them can come in."""
        return [
            word
            for name, password in self._users.items()
            for word in ("--add-scram", f"{MECHANISM}=[name={name},password={password}]")
        ]
