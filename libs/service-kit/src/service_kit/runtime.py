"""A running service: its store, broker, clock and sessions, and the rule that errors end it.

Any loop, timer or server that ends or raises takes the process with it (exit code 70); the
supervisor starts it again, and it goes on from what MongoDB holds. SIGTERM ends it in order.
"""

import asyncio
import contextlib
import logging
import os
import signal
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from service_kit.batch import Applier, Handler
from service_kit.clock import Clock, clock_from_environment
from service_kit.errors import Infrastructure
from service_kit.guards import Guards
from service_kit.keys import Keys
from service_kit.metrics import CLOCK, MeteredSession, metered
from service_kit.outbox import Origin, Outbox
from service_kit.owners import Fence, take_over
from service_kit.readiness import Readiness
from service_kit.relay_hints import Teller
from service_kit.serving import Server, configured
from service_kit.settings import Settings
from service_kit.store import Session, Store, Tx

if TYPE_CHECKING:
    from service_kit.broker import Broker
    from service_kit.loops import Loop
    from service_kit.tokens import Tokens

log = logging.getLogger(__name__)

T = TypeVar("T")

FAILED = 70
GRACE_SECONDS = 3.5


class App(Protocol):
    """An ASGI application."""

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Serve one connection."""
        ...


class ApiWriter:
    """Writes of the HTTP door: each one transaction, all through one session and one origin."""

    def __init__(self, session: Session, origin: Origin, fail: Callable[[BaseException], None]):
        self._session = session
        self._origin = origin
        self._fail = fail

    async def run(self, body: Callable[[Tx, Outbox], Awaitable[T]]) -> T:
        """Run ``body`` in one transaction with its messages; return what it returned.

        The body may run several times. What it raises aborts and is raised on. Infrastructure
        means that the effect is unknown: it is raised, and the process ends.
        """

        async def whole(tx: Tx) -> T:
            outbox = await self._origin.open(tx)
            result = await body(tx, outbox)
            await self._origin.close(tx, outbox)
            return result

        try:
            return await self._session.run(whole)
        except Infrastructure as error:
            self._fail(error)
            raise


class Runtime:
    """What a service's main builds once and hands to its doors."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        broker: "Broker",
        clock: Clock,
        guards: Guards,
        exit: Callable[[int], object] = os._exit,
    ) -> None:
        self.settings = settings
        self.store = store
        self.broker = broker
        self.clock = clock
        self.guards = guards
        self.keys = Keys(Store(store.client, settings.keys_database))
        self.tokens = tokens_of(settings)
        self.readiness = Readiness(broker.ends)
        self.api: ApiWriter
        self._exit = exit
        relay = settings.relay
        self._tell = Teller(relay, store.db.name) if relay else None
        self._fence = Fence(store, settings.instance, uuid.uuid4().hex)
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(cls, settings: Settings) -> "Runtime":
        """Connect, refuse an unfit store, fence an earlier twin; raises Infrastructure."""
        from service_kit.broker import Broker  # with its client; tests run without

        store = Store.connect(settings.mongodb, settings.database)
        return await cls.over(
            settings,
            store,
            Broker(settings.access, settings.prefix),
            clock=clock_from_environment(),
            guards=Guards.from_environment(),
        )

    @classmethod
    async def over(
        cls,
        settings: Settings,
        store: Store,
        broker: "Broker",
        *,
        clock: Clock,
        guards: Guards | None = None,
        exit: Callable[[int], object] = os._exit,
    ) -> "Runtime":
        """Start on a given store and broker, as tests do."""
        await store.check()
        runtime = cls(settings, store, broker, clock, guards or Guards(), exit)
        CLOCK.set_function(lambda: clock.now_ms() / 1000)
        await runtime._fence.raise_flag()
        name = f"{settings.service}:{settings.instance}"
        session = await runtime.session(f"api:{name}")
        origin = Origin(f"{settings.service}:api:{settings.instance}")
        runtime.api = ApiWriter(session, origin, runtime.fail)
        return runtime

    async def applier(
        self, handler: Handler, *, group: str, gapless: frozenset[str] = frozenset()
    ) -> Applier:
        """Return an applier with a session of its own; /readyz and the metrics watch it.

        ``gapless`` names the topics in which a hole in the offsets is a lost record.
        """
        applier = Applier(
            store=self.store,
            session=self._open(),
            fence=self._fence,
            group=group,
            handler=metered(handler, group),
            bounds=self.broker.bounds,
            gapless=gapless,
            clock=self.clock,
            guards=self.guards,
        )
        self.readiness.watch(group, applier.next, applier.halted)
        return applier

    def loop(
        self,
        applier: Applier,
        *,
        topics: Sequence[str],
        group: str,
        kind: str | None = None,
        within: float = 0.05,
        batch: int = 500,
    ) -> "Loop":
        """Return the loop that feeds ``topics`` to the applier; ``kind`` None: as set, or faust.

        ``within``: how long records are collected for a transaction, in seconds; ``batch``: how
        many at most.

        It begins when the broker shows every topic, and raises Infrastructure otherwise.
        """
        from service_kit.loops import LoopSettings, SeenFirst, make_loop  # with their clients

        settings = LoopSettings(
            kafka=self.settings.access,
            prefix=self.settings.prefix,
            group_prefix=self.settings.groups,
            group=group,
            instance=self.settings.instance,
            topics=tuple(topics),
            within=within,
            batch=batch,
        )
        loop = make_loop(kind or self.settings.loop or "faust", settings, applier, self.guards)
        return SeenFirst(loop, self.broker.partition_count, topics)

    async def session(self, *owned_names: str) -> Session:
        """Return a session that has taken the names over from whoever held them before."""
        session = self._open()
        await take_over(self.store, session, owned_names)
        return session

    def fail(self, error: BaseException) -> None:
        """End the process, from wherever the error was seen; the first error counts."""
        if not self._failed.done():
            self._failed.set_exception(error)

    async def serve(self, app: App, *coroutines: Coroutine[Any, Any, Any]) -> None:
        """Serve ``app`` and run the coroutines until SIGTERM or SIGINT; then leave with code 0.

        If one of them ends or raises, the process leaves with code 70 at once: what was not
        committed never happened, and nothing else may go on beside a dead loop.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        server = Server(configured(app, self.settings.host, self.settings.port, lifespan="off"))
        stopping: asyncio.Future[Any] = asyncio.create_task(stop.wait(), name="stop")
        serving = asyncio.create_task(server.open(), name="uvicorn")
        work = [asyncio.create_task(each, name=str(each)) for each in coroutines]
        anything = [stopping, self._failed, serving, *work]
        done, _ = await asyncio.wait(anything, return_when=asyncio.FIRST_COMPLETED)
        if stopping in done:
            await self._stop(server, serving, work)
            self._leave(0)
        else:
            stopping.cancel()
            self._report(done)
            self._leave(FAILED)

    async def _stop(
        self, server: Server, serving: "asyncio.Task[Any]", work: "list[asyncio.Task[Any]]"
    ) -> None:
        log.info("%s stops", self.settings.instance)
        server.should_exit = True
        for task in work:
            task.cancel()
        await asyncio.wait([serving, *work], timeout=GRACE_SECONDS)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.store.close(), 1)

    def _report(self, done: "set[asyncio.Future[Any]]") -> None:
        for task in done:
            error = None if task.cancelled() else task.exception()
            log.critical("%s ended; the process leaves", task, exc_info=error)

    def _leave(self, code: int) -> None:
        # Without this, threads of clients keep a stopped process alive.
        logging.shutdown()
        self._exit(code)

    def _open(self) -> Session:
        raw = self.store.client.start_session(causal_consistency=False)
        return MeteredSession(self.store.db, raw, self._tell)


def tokens_of(settings: Settings) -> "Tokens | None":
    """Return what verifies people's tokens; None without an issuer. Raises ValueError."""
    if settings.issuer is None:
        return None
    from service_kit.jwks import IssuerKeys, fetch_inside
    from service_kit.tokens import IssuerTokens  # with its cryptography

    keys = IssuerKeys(settings.issuer, fetch_inside(settings.issuer, settings.issuer_inside))
    return IssuerTokens(settings.issuer, settings.audience, keys)
