"""What is done for each command: the order of the steps, with the world behind ports."""

from collections.abc import Callable, Mapping
from typing import Any

from metrics_ingest.domain.commands import (
    AcceptCalls,
    AcceptEvents,
    AcceptHook,
    DefineMetric,
    DefineSource,
    KeepSecrets,
    OpenHook,
    ReplayDeadLetters,
    ResumeSource,
    RotateHook,
)
from metrics_ingest.handlers.calls import accept_calls
from metrics_ingest.handlers.definitions import define_metric, define_source, resume_source
from metrics_ingest.handlers.events import accept
from metrics_ingest.handlers.folding import FoldSlice, fold_slice
from metrics_ingest.handlers.hooks import accept_hook
from metrics_ingest.handlers.letters import replay
from metrics_ingest.handlers.rekeying import RekeySlice, rekey_slice
from metrics_ingest.handlers.secrets import keep_secrets, open_hook, rotate_hook

HANDLERS: Mapping[type, Callable[..., Any]] = {
    AcceptEvents: accept,
    AcceptCalls: accept_calls,
    AcceptHook: accept_hook,
    OpenHook: open_hook,
    RotateHook: rotate_hook,
    KeepSecrets: keep_secrets,
    RekeySlice: rekey_slice,
    FoldSlice: fold_slice,
    DefineSource: define_source,
    ResumeSource: resume_source,
    DefineMetric: define_metric,
    ReplayDeadLetters: replay,
}
