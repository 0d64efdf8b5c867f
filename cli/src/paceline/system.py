"""One system in one folder: servers, topics, services, and the file by which it is found."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from pymongo.errors import PyMongoError

from paceline import prometheus, running
from paceline.issuer_keys import password_in, secret_in
from paceline.key_file import KeyFile
from paceline.ports import taken
from paceline.show import console, fail
from paceline.supervisor import Service, Supervisor
from paceline.topics import apply_topics
from service_kit.clock import set_clock
from service_kit.embedded import DocumentStore, Kafka
from service_kit.embedded.process import LOOPBACK
from service_kit.errors import Infrastructure
from service_kit.keys import Keys
from service_kit.settings import Settings
from service_kit.store import Store

# In the order of their ports, from the base port on.
MODULES = {
    "console": "console",
    "metrics-ingest": "metrics_ingest",
    "goal-service": "goal_service",
    "alerting": "alerting",
    "incentives": "incentives",
    "issuer": "paceline.issuer",
    "relay": "service_kit.relay_process",
}
HELPERS = ("relay", "issuer")  # none of them has /readyz or /v1
SERVERS = ("kafka", "documents")
# What waits for whole seconds by itself stands behind what is waited for (decision 0036).
BEHIND = {"alerting": 5, "incentives": 5, "console": 5, "issuer": 5}
SERVER_PORT = 20  # the servers' first port, counted from the base port
PREPARE_SECONDS = 90.0
READY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run. ``kafka`` and ``mongodb`` None: the embedded ones."""

    data: Path
    base_port: int
    tenant: str
    clock: Path | None
    file: Path
    settings: Settings
    kafka: str | None
    mongodb: str | None
    prometheus: str | None = None  # the program, None: without

    def port_of(self, name: str) -> int:
        """Return the HTTP port of a service."""
        return self.base_port + list(MODULES).index(name)

    @property
    def prometheus_port(self) -> int:
        """The port of Prometheus."""
        return self.base_port + prometheus.PORT


class System:
    """One system in one folder."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stop = threading.Event()
        self._supervisor = Supervisor(self._write, self._say)
        self._settings = plan.settings
        self._key = ""
        self._ready = False
        self._told = False  # whoever waits for the file waits for a system that answers
        self._turn = threading.Lock()

    def run(self, seconds: float | None) -> None:
        """Start, stay for ``seconds`` or until SIGTERM or SIGINT, end in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        if seconds is not None:  # counts while starting, too
            timer = threading.Timer(seconds, self._stop.set)
            timer.daemon = True
            timer.start()
        self._plan.file.unlink(missing_ok=True)
        try:
            self._start()
            self._stop.wait()
        finally:
            self._say("stopping")
            self._end()

    def _start(self) -> None:
        self._refuse_taken_ports()
        self._start_clock()
        self._start_servers()
        self._prepare()
        if self._stop.is_set():
            return
        self._start_services()
        self._wait_until_ready()

    def _refuse_taken_ports(self) -> None:
        plan = self._plan
        ports = [plan.port_of(name) for name in MODULES]
        ports += [plan.base_port + SERVER_PORT + n for n in range(3)]
        ports += [plan.prometheus_port] if plan.prometheus else []
        used = taken(ports)
        if used:
            fail(f"ports in use: {', '.join(map(str, used))}; choose others by --base-port")

    def _start_clock(self) -> None:
        clock = self._plan.clock
        if clock is not None and not clock.exists():
            clock.parent.mkdir(parents=True, exist_ok=True)
            set_clock(clock, time.time(), rate=1.0)

    def _start_servers(self) -> None:
        plan, port = self._plan, self._plan.base_port + SERVER_PORT
        servers = plan.data / "servers"
        kafka, mongodb = plan.kafka, plan.mongodb
        if kafka is None:
            broker = Kafka(servers / "kafka", port, port + 1)
            self._supervisor.keep("kafka", broker)
            kafka = broker.bootstrap
        if mongodb is None:
            documents = DocumentStore(servers / "documents", port + 2)
            self._supervisor.keep("documents", documents)
            mongodb = documents.uri
        self._settings = replace(plan.settings, kafka=kafka, mongodb=mongodb)

    def _prepare(self) -> None:
        """Make topics, positions and the key; the servers may take their time to come."""
        tenant, keys = self._plan.tenant, KeyFile(self._plan.data / "keys.json")
        deadline = time.monotonic() + PREPARE_SECONDS
        while not self._stop.is_set():
            try:
                if self._servers_are_up():
                    known = keys.read().get(tenant)
                    self._key = asyncio.run(prepare(self._settings, tenant, known))
                    keys.keep(tenant, self._key)
                    return
            except (Infrastructure, PyMongoError) as error:
                last: object = error
                self._say(f"not yet: {error}")
            else:
                last = "the servers did not start"
            if time.monotonic() > deadline:
                fail(f"could not prepare broker and database: {last}; ask `paceline doctor`")
            self._stop.wait(0.1)

    def _servers_are_up(self) -> bool:
        plan = self._plan
        wanted = {"kafka": plan.kafka is None, "documents": plan.mongodb is None}
        return {name for name, ours in wanted.items() if ours} <= self._supervisor.pids.keys()

    def _start_services(self) -> None:
        password_in(self._plan.data / "issuer")  # there before two processes want to make it
        secret_in(self._plan.data / "console", "cookies")
        for name, module in MODULES.items():
            argv = [sys.executable, "-m", module, *self._arguments(name)]
            folder = self._plan.data / "services"
            self._supervisor.keep(name, Service(name, argv, folder, self._environment(name)))
        self._start_prometheus()

    def _start_prometheus(self) -> None:
        plan = self._plan
        if plan.prometheus is not None:
            scraped = self._urls | {"relay": self._url("relay")}
            place = LOOPBACK, plan.prometheus_port
            program = prometheus.prometheus(plan.prometheus, plan.data, *place, scraped)
            self._supervisor.keep(prometheus.NAME, program)

    def _arguments(self, name: str) -> list[str]:
        """Return what the local issuer is told; the services have their environment."""
        if name != "issuer":
            return []
        plan = self._plan
        told = {
            "--data": str(plan.data),
            "--port": str(plan.port_of(name)),
            "--goals": self._urls["goal-service"],
            "--tenant": plan.tenant,
            "--audience": plan.settings.audience,
            "--redirect": f"{self._urls['console']}/signed-in",
        }
        return [text for pair in told.items() for text in pair]

    def _environment(self, name: str) -> Mapping[str, str]:
        settings = self._settings
        clock = self._plan.clock
        return (
            {
                "PACELINE_KAFKA": settings.kafka,
                "PACELINE_MONGODB": settings.mongodb,
                "PACELINE_PREFIX": settings.prefix,
                "PACELINE_DATABASE_PREFIX": settings.database_prefix,
                "PACELINE_PARTITIONS": str(settings.partitions),
                "PACELINE_INSTANCE": f"{name}-0",
                "PACELINE_HOST": LOOPBACK,
                "PACELINE_PORT": str(self._plan.port_of(name)),
                "PACELINE_RELAY": f"{LOOPBACK}:{self._plan.port_of('relay')}",
                "PACELINE_OIDC_ISSUER": self._issuer,
                "PACELINE_OIDC_AUDIENCE": settings.audience,
                "PACELINE_NICE": str(BEHIND.get(name, 0)),
            }
            | self._console(name)
            | self._ingest(name)
            | ({"PACELINE_CLOCK": str(clock.absolute())} if clock else {})
        )

    def _console(self, name: str) -> dict[str, str]:
        """Return where the console finds the services, and what it seals its cookies with."""
        if name != "console":
            return {}
        urls = {
            f"PACELINE_{service.replace('-', '_').upper()}_URL": url
            for service, url in self._urls.items()
        }
        secret = secret_in(self._plan.data / "console", "cookies")
        return urls | {"PACELINE_CONSOLE_SECRET": secret}

    def _ingest(self, name: str) -> dict[str, str]:
        """Return what seals the secrets of webhooks: drawn once, and kept in the data folder."""
        if name != "metrics-ingest":
            return {}
        secret = secret_in(self._plan.data / "ingest", "secrets-key")
        return {"PACELINE_SECRETS_KEY": os.environ.get("PACELINE_SECRETS_KEY") or secret}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = {**self._urls, "issuer": self._local_issuer}
        while waiting and not self._stop.is_set():
            waiting = {name: url for name, url in waiting.items() if not answers(url)}
            if waiting and time.monotonic() > deadline:
                logs = self._plan.data / "services"
                self._say(f"not yet answering: {', '.join(waiting)}; their logs are in {logs}")
                self._tell()  # so that doctor can look
                deadline = time.monotonic() + READY_SECONDS
            self._stop.wait(0.1)
        if not waiting:
            self._ready = True
            self._tell()
            self._say(f"ready: {self._plan.file}")
            self._say(f"console: {self._urls['console']}")
            if self._prometheus:
                self._say(f"Prometheus: {self._prometheus}")

    def _tell(self) -> None:
        self._told = True
        self._write()
        running.announce(self._plan.file)

    @property
    def _urls(self) -> dict[str, str]:
        services = [name for name in MODULES if name not in HELPERS]
        return {name: self._url(name) for name in services}

    def _url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self._plan.port_of(name)}"

    @property
    def _local_issuer(self) -> str:
        return self._url("issuer")

    @property
    def _prometheus(self) -> str:
        plan = self._plan
        return f"http://{LOOPBACK}:{plan.prometheus_port}" if plan.prometheus else ""

    @property
    def _issuer(self) -> str:
        """The issuer whose tokens let people in: the organisation's where the settings name one."""
        return self._plan.settings.issuer or self._local_issuer

    def _write(self) -> None:
        if not self._told:
            return
        plan, settings = self._plan, self._settings
        with self._turn:
            running.write(
                plan.file,
                running.Running(
                    kafka=settings.kafka,
                    mongodb=settings.mongodb,
                    api_key=self._key,
                    clock=str(plan.clock.absolute()) if plan.clock else None,
                    services=self._urls,
                    pids=self._supervisor.pids,
                    supervisor=os.getpid(),
                    tenant=plan.tenant,
                    data=str(plan.data),
                    prefix=settings.prefix,
                    database_prefix=settings.database_prefix,
                    partitions=settings.partitions,
                    ready=self._ready,
                    issuer=self._issuer,
                    issuer_password=password_in(plan.data / "issuer"),
                    prometheus=self._prometheus,
                ),
            )

    def _say(self, text: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')} {text}", markup=False, soft_wrap=True)

    def _end(self) -> None:
        running.withdraw()
        self._supervisor.stop((prometheus.NAME, *MODULES), SERVERS)
        (self._plan.data / "supervisor" / "supervisor.pid.json").unlink(missing_ok=True)


async def prepare(settings: Settings, tenant: str, known: str | None) -> str:
    """Make topics and positions, and return a key of the tenant for everything.

    ``known`` is returned as long as it is valid. Raises Infrastructure.
    """
    await apply_topics(settings)
    store = Store.connect(settings.mongodb, settings.keys_database)
    try:
        keys = Keys(store)
        if known is not None and await keys.verify(known):
            return known
        return await keys.create(tenant, ["*"], name="paceline up")
    finally:
        await store.close()


def answers(url: str) -> bool:
    """Whether the service at the address is alive."""
    try:
        return httpx.get(f"{url}/healthz", timeout=1).is_success
    except httpx.HTTPError:
        return False
