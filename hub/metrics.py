"""Prometheus text, read from the hub when it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from hub.service import Service
from hub.view import Status


class HubCollector(Collector):
    """What a hub knows of itself, in Prometheus' words."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        hub, summary = self._service.hub, self._service.hub.summary()
        jobs = GaugeMetricFamily("barcast_jobs", "Jobs that have not ended, by status.", labels=["status"])
        count = Counter(shown.view.status for shown in hub.known())
        for status in Status:
            if not status.terminal:
                jobs.add_metric([status.value], count[status])
        yield jobs
        yield CounterMetricFamily("barcast_jobs_ended", "Jobs that have ended and are kept.", summary.finished)
        yield GaugeMetricFamily("barcast_jobs_failed_today", "Jobs that failed since midnight.", summary.failed_today)
        yield GaugeMetricFamily("barcast_jobs_stalled", "Running jobs that do not advance.", summary.stalled)
        yield GaugeMetricFamily("barcast_slots_free", "Jobs that could start now.", summary.slots_free)
        yield GaugeMetricFamily("barcast_viewers", "Open viewer sockets and streams.", len(hub.viewers))
        yield GaugeMetricFamily("barcast_workers", "Open worker sockets.", len(hub.workers))
        yield GaugeMetricFamily("barcast_store_waiting", "Writes not yet committed.", hub.store.waiting)
        yield GaugeMetricFamily("barcast_store_failing", "1 while commits fail.", float(hub.store.failing))


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
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})
