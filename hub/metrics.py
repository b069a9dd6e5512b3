"""Prometheus text, read from the hub when it is asked for; what each number means is in `PROTOCOL.md`."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from hub import __version__
from hub.histogram import Histogram
from hub.service import Service
from hub.view import Status


class HubCollector(Collector):
    """What a hub knows of itself, in Prometheus' words."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        yield from self._itself()
        yield from self._jobs()
        yield from self._connections()
        yield from self._updates()
        yield from self._store()
        yield from self._webhook()

    def _itself(self) -> Iterator[Metric]:
        hub, settings = self._service.hub, self._service.settings
        yield labelled("barcast_build_info", "1, with the hub's version.", "version", {__version__: 1})
        yield gauge("barcast_time_seconds", "The hub's clock, since 1970.", hub.clock() / 1000)
        yield gauge("barcast_ready", "1 while work is taken, 0 while stopping.", self._service.ready)
        yield gauge(
            "barcast_loop_lag_worst_seconds", "The latest call of the last one to two minutes.", hub.pulse.worst_s
        )
        yield histogram("barcast_loop_lag_seconds", "How late the event loop calls, sampled.", hub.pulse.lag)
        yield gauge("barcast_viewers_allowed", "Viewers that may be connected at once.", settings.viewers)

    def _jobs(self) -> Iterator[Metric]:
        hub, summary = self._service.hub, self._service.hub.summary()
        count = Counter(shown.view.status for shown in hub.known())
        standing = {status.value: count[status] for status in Status if not status.terminal}
        yield labelled("barcast_jobs", "Jobs that have not ended, by status.", "status", standing)
        yield gauge("barcast_jobs_stalled", "Running jobs that do not advance.", summary.stalled)
        yield gauge("barcast_jobs_kept", "Jobs that have ended and are kept, children left out.", summary.finished)
        yield gauge("barcast_jobs_failed_today", "Jobs that failed since midnight.", summary.failed_today)
        yield gauge("barcast_slots_free", "Jobs that could start now.", summary.slots_free)
        traffic = hub.traffic
        yield counted("barcast_jobs_ended", "Jobs that came to an end.", "status", traffic.ended)
        yield counted("barcast_job_events", "Lines in the logs of jobs, by event.", "event", traffic.events)
        yield histogram(
            "barcast_eta_error_ratio",
            "Jobs that succeeded: how far off the predicted end was at half-time, as a share of the time then left.",
            traffic.eta_error,
        )

    def _connections(self) -> Iterator[Metric]:
        hub, traffic = self._service.hub, self._service.hub.traffic
        ways = Counter(viewer.way for viewer in hub.viewers)
        open_now = {"socket": ways["socket"], "stream": ways["stream"], "worker": len(hub.workers)}
        yield labelled("barcast_connections", "Open viewer sockets, streams and worker sockets.", "kind", open_now)
        yield counted("barcast_connections_opened", "Those that were opened.", "kind", traffic.opened)
        yield counted("barcast_reconnects", "Those of them that said they were here before.", "kind", traffic.returned)
        yield counted("barcast_polls", "Questions that polling is made of, over HTTP.", "topic", traffic.polled)
        yield labelled("barcast_rooms", "Rooms with viewers in them.", "topic", hub.rooms.occupied)
        yield labelled("barcast_subscriptions", "Viewers in rooms.", "topic", hub.rooms.subscriptions)

    def _updates(self) -> Iterator[Metric]:
        hub, traffic = self._service.hub, self._service.hub.traffic
        yield counted("barcast_messages_in", "Messages of workers that were applied.", "way", traffic.taken)
        yield total("barcast_changes_offered", "Changes of jobs, times the viewers to be told.", hub.delivery.offered)
        sent = hub.rooms.frames - traffic.withheld["update"]
        yield total("barcast_frames_sent", "Frames in which viewers were told of changes.", sent)
        yield counted("barcast_frames_withheld", "Frames not sent to a full write buffer.", "of", traffic.withheld)
        yield total("barcast_viewers_dropped", "Viewers that took nothing for too long.", traffic.dropped)

    def _store(self) -> Iterator[Metric]:
        store = self._service.hub.store
        yield gauge("barcast_store_failing", "1 while commits fail.", store.failing)
        yield gauge("barcast_store_waiting", "Changes not yet committed.", store.waiting)
        yield total("barcast_changes_committed", "Changes that were committed.", store.committed)
        yield total("barcast_commit_failures", "Tries to commit that failed.", store.failures)
        yield histogram("barcast_commit_seconds", "One commit in the database, with its sync.", store.commit_s)
        yield histogram(
            "barcast_commit_wait_seconds", "From a change's coming until its commit, the longest of each.", store.wait_s
        )
        yield labelled("barcast_store_bytes", "Size of the database's files.", "file", sizes(self._service.db))
        with suppress(OSError):
            free = shutil.disk_usage(self._service.db.parent).free
            yield gauge("barcast_disk_free_bytes", "Room left where the database is.", free)

    def _webhook(self) -> Iterator[Metric]:
        webhook = self._service.webhook
        numbers = (webhook.delivered, webhook.failed, webhook.given_up, webhook.waiting) if webhook else (0, 0, 0, 0)
        delivered, failed, given_up, waiting = numbers
        yield total("barcast_webhook_delivered", "Notices that the webhook's receiver took.", delivered)
        yield total("barcast_webhook_failures", "Tries to tell the webhook that failed.", failed)
        yield total("barcast_webhook_given_up", "Notices that nobody took in the end.", given_up)
        yield gauge("barcast_webhook_waiting", "Notices that wait to be taken.", waiting)


def gauge(name: str, about: str, value: float) -> Metric:
    """One number that goes up and down."""
    return GaugeMetricFamily(name, about, float(value))


def total(name: str, about: str, value: float) -> Metric:
    """One number that only grows; `_total` is put behind its name."""
    return CounterMetricFamily(name, about, value)


def labelled(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    """Numbers that go up and down, by a label."""
    family = GaugeMetricFamily(name, about, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def counted(name: str, about: str, label: str, values: Mapping[str, int]) -> Metric:
    """Numbers that only grow, by a label; `_total` is put behind the name."""
    family = CounterMetricFamily(name, about, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def histogram(name: str, about: str, values: Histogram) -> Metric:
    """What was measured again and again."""
    return HistogramMetricFamily(name, about, buckets=values.buckets(), sum_value=values.sum)


def sizes(db: Path) -> dict[str, float]:
    """Bytes of the database and of its write-ahead log, as far as they exist."""
    found: dict[str, float] = {}
    for file, path in (("database", db), ("wal", db.with_name(f"{db.name}-wal"))):
        with suppress(OSError):
            found[file] = os.stat(path).st_size
    return found


class Metrics:
    """`GET /metrics`.

    Args:
        service: whose numbers.
    """

    def __init__(self, service: Service) -> None:
        self._collector = HubCollector(service)

    async def read(self, request: Request) -> Response:
        """The endpoint."""
        registry = CollectorRegistry()
        registry.register(self._collector)
        ProcessCollector(registry=registry)  # memory, processor time, open files and their limit
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})
