"""Figures of one gateway process, for Prometheus. Labels are bounded: they never name a user, a graph or a path."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector


class GatewayMetrics:
    """Everything that is counted, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.rate_limit_checks = Counter(
            "perdure_rate_limit_checks",
            "Requests that were held against a rate limit. degraded: passed, because the counts could not be read",
            ["rule", "outcome"],
            registry=self.registry,
        )
        self.locks = Histogram(
            "perdure_lock_seconds",
            "How long somebody waited for a lock that processes share, or held one",
            ["what"],
            registry=self.registry,
        )

    def observe_lock(self, what: Literal["wait", "hold"], seconds: float) -> None:
        self.locks.labels(what).observe(seconds)
