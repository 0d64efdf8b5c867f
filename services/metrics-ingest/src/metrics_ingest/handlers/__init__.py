"""What is done for each command: the order of the steps, with the world behind ports."""

from collections.abc import Callable, Mapping
from typing import Any

from metrics_ingest.domain.commands import (
    AcceptEvents,
    AddConnector,
    DefineMetric,
    DefineSource,
    ReplayDeadLetters,
    ResumeSource,
)
from metrics_ingest.handlers.connectors import add_connector
from metrics_ingest.handlers.definitions import define_metric, define_source, resume_source
from metrics_ingest.handlers.events import accept
from metrics_ingest.handlers.folding import FoldSlice, fold_slice
from metrics_ingest.handlers.letters import replay
from metrics_ingest.handlers.rekeying import RekeySlice, rekey_slice

HANDLERS: Mapping[type, Callable[..., Any]] = {
    AcceptEvents: accept,
    RekeySlice: rekey_slice,
    FoldSlice: fold_slice,
    DefineSource: define_source,
    ResumeSource: resume_source,
    DefineMetric: define_metric,
    AddConnector: add_connector,
    ReplayDeadLetters: replay,
}
