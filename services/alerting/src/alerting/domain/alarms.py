"""Which alarm stands over which red span: one for a run, whatever a restatement moves about it."""

from collections.abc import Sequence
from dataclasses import replace

from alerting.domain.judged import Judged, Kind
from alerting.domain.lights import Band, Colour, Light
from alerting.domain.scribe import Scribe

Steps = Sequence[tuple[Judged | None, Light | None]]


class Alarms:
    """The alarms over a walk of run lights: (judged before or None, light now or None).

    A run keeps its alarm through grey and no light. A run that is red anew keeps the alarm of any
    red span that it shares with a run of before: the same case raises no second alarm. An alarm of
    which nothing is left, neither here nor over the spans before (``standing``), is recovered.
    """

    def __init__(self, before: Judged | None, walk: Steps, standing: frozenset[str]) -> None:
        self._walk = walk
        alarm = before.alarm if before else None
        self._runs = _runs(walk, alarmed=alarm is not None)
        self._alarms: dict[int, str | None] = {
            run: alarm if run < 0 else self._old(run) for run in {-1, *self._runs.values()}
        }
        self._gone = {stored.alarm for stored, _ in walk if stored and stored.alarm}
        self._gone -= {*self._alarms.values(), *standing}

    def settle(
        self,
        scribe: Scribe,
        number: int,
        span: Judged,
        shown: Colour | None,
        headline: Colour,
    ) -> Judged:
        """Return the walk's run light with its alarm; write off_track and recovered where due.

        ``shown`` is the run's colour before the span, ``headline`` the span's to-date colour.
        """
        span = replace(span, alarm=None)
        run = self._runs.get(number)
        if run is not None:
            if self._alarms[run] is None:
                span = scribe.off_track(span, shown, headline)
                self._alarms[run] = span.alarm
            span = replace(span, alarm=self._alarms[run])
        stored = self._walk[number][0]
        if stored is not None and stored.alarm in self._gone:
            self._gone.remove(stored.alarm)
            span = scribe.light(Kind.RECOVERED, span, before=Colour.RED, corrects=stored.alarm)
        return span

    def _old(self, run: int) -> str | None:
        """Return the alarm that stood over one of the run's spans before."""
        for number, (stored, _) in enumerate(self._walk):
            if self._runs.get(number) == run and stored is not None and stored.alarm:
                return stored.alarm
        return None


def _runs(walk: Steps, *, alarmed: bool) -> dict[int, int]:
    """Return the red run of each span that stands in one, a run named by its first place.

    -1 is the run that was alarmed when the walk began.
    """
    runs: dict[int, int] = {}
    current = -1 if alarmed else None
    for number, (_, light) in enumerate(walk):
        if light is None:
            continue
        if light.band in (Band.YELLOW, Band.GREEN):
            current = None
        elif light.colour is Colour.RED and current is None:
            current = number
        if current is not None:
            runs[number] = current
    return runs
