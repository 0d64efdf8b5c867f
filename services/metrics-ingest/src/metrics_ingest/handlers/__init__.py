"""What is done for each command: the order of the steps, with the world behind ports."""

from collections.abc import Callable, Mapping
from typing import Any

from metrics_ingest.domain.commands import (
    AcceptCalls,
    AcceptEvents,
    AcceptHook,
    AddConnector,
    DefineMetric,
    DefineSource,
    KeepSecrets,
    LoadRates,
    OpenHook,
    ReplayDeadLetters,
    ResumeSource,
    RotateHook,
    TryMetric,
)
from metrics_ingest.handlers.calls import accept_calls
from metrics_ingest.handlers.connectors import add_connector
from metrics_ingest.handlers.definitions import define_metric, define_source, resume_source
from metrics_ingest.handlers.events import accept
from metrics_ingest.handlers.folding import FoldSlice, fold_slice
from metrics_ingest.handlers.hooks import accept_hook
from metrics_ingest.handlers.letters import replay
from metrics_ingest.handlers.rates import load_rates
from metrics_ingest.handlers.rekeying import RekeySlice, rekey_slice
from metrics_ingest.handlers.secrets import keep_secrets, open_hook, rotate_hook
from metrics_ingest.handlers.subjects.applying import ApplySubjects, apply_subjects
from metrics_ingest.handlers.trying import try_metric

HANDLERS: Mapping[type, Callable[..., Any]] = {
    AcceptEvents: accept,
    AcceptCalls: accept_calls,
    AcceptHook: accept_hook,
    OpenHook: open_hook,
    RotateHook: rotate_hook,
    KeepSecrets: keep_secrets,
    RekeySlice: rekey_slice,
    FoldSlice: fold_slice,
    ApplySubjects: apply_subjects,
    DefineSource: define_source,
    ResumeSource: resume_source,
    DefineMetric: define_metric,
    LoadRates: load_rates,
    AddConnector: add_connector,
    ReplayDeadLetters: replay,
    TryMetric: try_metric,
}
